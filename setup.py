"""The dependencies are those of requirements.txt, whose last line, `-e .`, is this repository itself."""

from pathlib import Path

from setuptools import setup

lines = Path(__file__).with_name("requirements.txt").read_text().splitlines()
setup(install_requires=[line for line in lines if not line.startswith(("#", "-e"))])
