"""Step 3: encode every frame of the random rollouts with V, for the training of M."""

from worldmodels.cli import Parser, positive_int, run, seed
from worldmodels.threads import quiet_stderr


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("--data", default="record", help="folder of episodes made by extract.py")
    parser.add_argument("--vae", default="weights/vae.weights.h5", help="weights made by vae_train.py")
    parser.add_argument("--out", default="series/series.npz", help="file for mu, logvar and actions")
    parser.add_argument("--z_size", type=positive_int, default=32, help="dimensions of z, as given to vae_train.py")
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="bfloat16: faster where the CPU has it"
    )
    parser.add_argument(
        "--seed", type=seed, default=1, help="nothing here is random; taken so that every script can be called alike"
    )
    options = parser.parse_args()

    from worldmodels.episodes import list_episodes

    files = list_episodes(options.data)

    with quiet_stderr():
        from worldmodels.series import write_series
        from worldmodels.vae import VAE
        from worldmodels.weights import load_weights

        vae = VAE(options.z_size, dtype="mixed_bfloat16" if options.precision == "bfloat16" else None)
    load_weights(vae, options.vae, "V")
    write_series(vae, files, options.out)


if __name__ == "__main__":
    run(main)
