"""How fast a take is separated, and where the time goes.

    python -m benchmarks.separation_speed [--take TAKE --performers FOLDER] [--model NAME]
    python -m benchmarks.separation_speed --disk --repeat 45

Without a take a quartet of 20 s at 48 kHz is simulated and its players are found, which is not
timed; nor is what a process does once (a second of the take is separated first). Separation
includes the vision network on the players' clouds. Everything runs in one thread; CPU seconds are
what to compare on a busy machine. Times real time: the take's length over either. Beside them: how
often the networks ran, and by how much the memory rose; with --disk the recording and all that
grows with its length lie on disk, as in `auralize separate`, and it should rise by as much for any
length (--repeat).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import separation.separator as separator
from capture.files.sound_file import SoundFileFormat, write_sound_file
from capture.performer import Performer, read_performers
from capture.players import find_performers
from capture.simulate import simulate_take
from capture.take import Take, open_take
from capture.take.sound import FileSound
from capture.waveform import Sound, Waveform
from separation.checkpoint import load_model
from separation.model import SeparationModel
from separation.windows import window_starts

QUARTET = ("violin", "viola", "cello", "saxophone")
STAGES = {
    "resampled_channel": "resampling to the network's rate",
    "encode_performers": "vision: voxels and network",
    "mask_logits": "audio network, all windows",
    "group_performers": "players that look alike",
    "weights_sha256": "hash of the weights",
}
REST = "masks at the full rate, array filter, stems"


class Times:
    """Wall and CPU seconds of named stages."""

    def __init__(self) -> None:
        self.wall_s: dict[str, float] = defaultdict(float)
        self.cpu_s: dict[str, float] = defaultdict(float)

    def around(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` with its time taken."""

        def timed(*arguments: Any, **named: Any) -> Any:
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            result = work(*arguments, **named)
            self.wall_s[stage] += time.perf_counter() - wall_s
            self.cpu_s[stage] += time.process_time() - cpu_s
            return result

        return timed


@contextlib.contextmanager
def watched(times: Times) -> Generator[None]:
    """Take the time of the separator's stages."""
    with contextlib.ExitStack() as stack:
        for name, stage in STAGES.items():
            timed = times.around(stage, getattr(separator, name))
            stack.enter_context(patch.object(separator, name, timed))
        yield


@contextlib.contextmanager
def counted(model: SeparationModel) -> Generator[Counter[str]]:
    """Count the windows that the audio network gets, and what the vision network looks at."""
    counts: Counter[str] = Counter()

    def heard(_: object, given: tuple[torch.Tensor, ...]) -> None:
        counts["windows"] += len(given[0])

    def looked(_: object, given: tuple[Any, ...]) -> None:
        counts["calls"] += 1
        counts["seen"] += len(given[0])

    hooks = [
        model.backbone.register_forward_pre_hook(heard),
        model.conditioner.register_forward_pre_hook(looked),
    ]
    try:
        yield counts
    finally:
        for hook in hooks:
            hook.remove()


def measure(
    take: Take,
    performers: Sequence[Performer],
    model: SeparationModel,
    repeat: int,
    scratch: Path | None,
) -> None:
    """Separate a take and print the table; with a scratch folder, large things are kept there."""
    once = take.audio()
    mixture: Sound
    if scratch is None:
        mixture = Waveform(
            samples=np.tile(once.samples, repeat), sample_rate_hz=once.sample_rate_hz
        )
    else:
        path = scratch / "recording.wav"
        form = SoundFileFormat(
            container="wav",
            sample_format="float32",
            channel_count=once.channel_count,
            sample_rate_hz=once.sample_rate_hz,
        )
        again = (once.samples.T for _ in range(repeat))
        write_sound_file(path, form, again, repeat * once.sample_count)
        mixture = FileSound(path)
    seconds = mixture.sample_count / mixture.sample_rate_hz
    config = separator.SeparateConfig()
    first = once.between(0.0, 1.0)
    places = {"center_channel": take.center_channel, "microphones_m": take.microphones_m}
    separator.separate(first, performers, model, config, **places)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = Times()
    with watched(times), counted(model) as counts:
        whole = times.around("all", separator.separate)
        separation = whole(
            mixture,
            performers,
            model,
            config,
            **places,
            scratch=scratch,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mono = 4 * mixture.sample_count
    given = (1 + len(separation.stems)) * mono
    where = "in memory" if scratch is None else "on disk"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{seconds:.1f} s, {mixture.channel_count} channels at {mixture.sample_rate_hz} Hz, "
        f"{len(performers)} players, {model.name}, {separation.manifest.device}, load {load:.1f}\n"
    )
    print("| stage | CPU s | wall s | times real time (CPU) |\n|---|---|---|---|")
    whole_s, wall_s = times.cpu_s.pop("all"), times.wall_s.pop("all")
    for spent, whole_of in ((times.cpu_s, whole_s), (times.wall_s, wall_s)):
        spent[REST] = whole_of - sum(spent.values())
    for stage in [*STAGES.values(), REST]:
        cpu_s = times.cpu_s[stage]
        speed = f"{seconds / cpu_s:.0f}" if cpu_s else "–"
        print(f"| {stage} | {cpu_s:.2f} | {times.wall_s[stage]:.2f} | {speed} |")
    print(f"| **all** | {whole_s:.2f} | {wall_s:.2f} | {seconds / whole_s:.1f} |")
    frames = 1 + int(seconds * model.config.spectrogram.sample_rate_hz) // (
        model.config.spectrogram.hop
    )
    hop = round(config.window_frames * (1 - config.overlap))
    windows = len(window_starts(frames, config.window_frames, hop))
    print(
        f"\nThe audio network ran {counts['windows']} times for {windows} windows and "
        f"{len(performers)} players; the vision network {counts['calls']} times, on "
        f"{counts['seen']} clouds or players.\nThe peak of the memory rose by "
        f"{(peak - before) / 1024:.0f} MiB; stems and residual have {given / 2**20:.0f} MiB "
        f"{where}, the recording {mixture.channel_count * mono / 2**20:.0f} MiB."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--take", type=Path)
    parser.add_argument("--performers", type=Path, help="from `auralize segment`")
    parser.add_argument("--model", help="a shipped checkpoint's name, or a .safetensors file")
    parser.add_argument("--repeat", type=int, default=1, help="play the take so often in a row")
    parser.add_argument("--disk", action="store_true", help="keep what is large on disk")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the simulated take")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = options.take
        if path is None:
            path = Path(folder) / "take"
            simulate_take(path, QUARTET, options.seconds, 5, fps=5)
        with open_take(path) as take:
            found = options.performers
            performers = read_performers(found) if found else find_performers(take)
            scratch = Path(folder) if options.disk else None
            measure(take, performers, load_model(options.model), options.repeat, scratch)


if __name__ == "__main__":
    main()
