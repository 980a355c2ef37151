"""What others have published: the rows and the curve that ours stand beside. Scores are mean +- standard deviation."""

# The return over 100 tracks of CarRacing, as the paper (Ha & Schmidhuber, 2018) lists it; the last one came later.
CARRACING = (
    ("DQN", "343 +- 18"),
    ("A3C, continuous", "591 +- 45"),
    ("A3C, discrete", "652 +- 10"),
    ("paper: V alone", "632 +- 251"),
    ("paper: V alone, C with a hidden layer", "788 +- 141"),
    ("paper: V and M", "**906 +- 21**"),
    ("an independent PyTorch version", "860 +- 120"),
)

# The paper's tics survived in Take Cover, in the dream and in the game, by the temperature that C was trained at.
DOOM = {
    "0.5": ("2060 +- 277", "196 +- 50"),
    "1.0": ("1145 +- 690", "868 +- 511"),
    "1.15": ("918 +- 546", "**1092 +- 556**"),
    "1.3": ("732 +- 269", "753 +- 139"),
}
DOOM_RANDOM = "210 +- 108"

# The log of the 2018 code, by task: what the mean of the distribution scored after some generations.
EVOLUTIONS = {
    "carracing": {
        "name": "2018 (64 candidates x 16 episodes)",
        "generations": (25, 50, 100, 200, 300, 475, 625, 1800),
        "scores": (823, 867, 867, 880, 883, 891, 895, 900),
        "episodes": 64 * 16,  # that the candidates of a generation played
    }
}
