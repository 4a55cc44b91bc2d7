"""Where a reproduction differs from the paper and its published code, by its own configuration.

What is not named here is as published: front end, U-Net and vision network, features and voxels,
variation of clouds, learning rates, weight decay, batch, steps, shares of the splits, metrics.

Source: Lluís, Chatziioannou, Hofmann, "Music source separation conditioned on 3D point clouds",
2021, and its code, francesclluis/point-cloud-source-separation.
"""

from __future__ import annotations

from separation.reproduction.networks import Size
from separation.reproduction.pretraining import Pretraining
from separation.training import TrainingConfig


def deviations(
    config: TrainingConfig, size: Size, pretraining: Pretraining | None
) -> dict[str, list[str]]:
    """Return what differs, by subject.

    Args:
        config: Of a network that looks at clouds.
        size: Of the reproduction.
        pretraining: Of the vision network; None if it started from scratch.
    """
    return {
        "Data": _data(size),
        "Sight": _sight(config, pretraining),
        "Sound": _sound(config),
        "Training": _training(config),
        "Tables": _tables(size),
    }


def _data(size: Size) -> list[str]:
    return [
        "Where the data has index files, they say who is in which split. Where it has none, people "
        "and sounds are split by seed, 75/15/10 as in the paper; the published command names the "
        "people and shuffles sounds without a seed.",
        "A sound is trained with anybody of its split who plays the instrument; the published "
        "index gives each sound one person.",
        f"{size.clouds} clouds of each person are kept, evenly over the recording; the published "
        "code draws from all of them.",
        "Clouds as a camera sees them are turned to where the performer is found to face. All are "
        "centred and scaled to [-1, 1]; the published code takes files as they are.",
        "A recording shorter than a window ends in silence; the published code repeats it.",
    ]


def _sight(config: TrainingConfig, pretraining: Pretraining | None) -> list[str]:
    if pretraining is None:
        start = (
            "The vision network starts from scratch; the paper's is pretrained on ModelNet40. Name "
            "its folder with --modelnet to do so."
        )
    else:
        accuracy = pretraining.accuracy
        named = "" if accuracy is None else f", {accuracy:.0%} of test shapes named right"
        start = (
            f"The vision network is pretrained on {pretraining.shapes} shapes of "
            f"{pretraining.categories} categories by a recipe of ours "
            f"({pretraining.config.steps} steps{named}; {pretraining.skipped} files left out): the "
            "paper gives weights and no recipe."
        )
    each = config.clouds_a_step
    return [
        start,
        f"A step encodes {each} clouds of each instrument, as many as its mixtures have players, "
        "and deals them by chance: two players may share one, where the paper's each have their "
        "own.",
        "Clouds vary by the paper's amounts. The published code's are others: size 0.5 to 2, shear "
        "on the diagonal too, and color noise of 0.03 instead of 0.05, before and not after value "
        "and saturation.",
        "rgb-depth is given colors only, as the released weights were; the published training "
        "script sets depth.",
        "All of the vision network learns at its lower rate; in the published code its last layer "
        "learns at the higher one.",
        "The label baseline, which the published code lacks, learns a vector for each instrument, "
        "at the vision network's rate.",
    ]


def _sound(config: TrainingConfig) -> list[str]:
    augment, frames = config.mixing.augment, config.mixing.frames
    lowest, highest = 10 ** (-augment.gain_db / 20), 10 ** (augment.gain_db / 20)
    quiet, quietest = augment.noise_db
    return [
        "Frequency rows are warped with aligned corners, as the formulas say; the published code "
        "leaves that out, which costs an ideal mask 1.4 to 1.8 dB.",
        f"Windows are {(frames - 1) * config.model.spectrogram.hop} samples long, for {frames} "
        "frames; the published ones 65,535, for 256.",
        f"Levels vary by factors of {lowest:.2f} to {highest:.2f}, evenly in decibels; the paper's "
        "by 0.5 to 1.5, evenly. Sources are not divided by the number of players before they are "
        "summed, nor cut off at full scale.",
        f"Mixtures have noise {quiet:.0f} to {quietest:.0f} dB below them; the published ones have "
        "none.",
        "Instruments are drawn equally often, then any recording of theirs; the published code "
        "goes through the recordings and draws partners among them.",
        "A mixture is drawn again, 20 times at most, until two of its players sound; the published "
        "code takes what it draws.",
        "The loudest player owns a cell, as in the paper; for two, the published code gives it to "
        "everybody above half of the mixture's magnitude.",
        "Cells are weighted by the mixture's magnitude, as in the published training script; the "
        "paper names no weights.",
    ]


def _training(config: TrainingConfig) -> list[str]:
    return [
        f"AdamW (its weight decay is decoupled) with {config.warm_up} steps of warm-up, half a "
        "cosine and gradients of norm 5 at most; the paper has SGD with momentum 0.9 and constant "
        "rates.",
        f"A running average of the weights (decay {config.average}) is validated every "
        f"{config.validate_every} steps on {config.validation_mixtures} mixtures each of 2, 3 and "
        "4 players, and the one that gains most SI-SDR is kept; the published code keeps the "
        "lowest loss on 256 mixtures of two, of the weights themselves.",
        f"{config.steps} steps; the paper has 120,000, the published script 200 epochs of 100 "
        "rounds through the recordings.",
    ]


def _tables(size: Size) -> list[str]:
    return [
        "One network, trained on duos and one image, is measured with 2, 3 and 4 players and with "
        "1, 3 and 5 images; the published code sets both numbers for training, too.",
        "Several images are the first of those that are kept; the published code's are a second "
        "apart, anywhere in the recording.",
        f"{size.mixtures} mixtures of each kind, drawn by seed, of equally loud players of whom "
        "none is nearly silent, as far as 20 draws for each find such; the published code mixes "
        "every recording of the test split once, at its level, with windows that differ from run "
        "to run.",
        "A silent stem counts as −80 dB; the published code leaves its mixture out.",
    ]
