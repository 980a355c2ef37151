"""The arithmetic of V and M: float32, or bfloat16 for the large products, as the option --precision names them."""

PRECISIONS = {"float32": None, "bfloat16": "mixed_bfloat16"}  # -> the `dtype` of VAE and MDNRNN


def add_option(parser, what="V's arithmetic"):
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help=f"{what}; bfloat16 is faster where the CPU has it"
    )
