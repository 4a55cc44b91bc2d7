"""A .unitypackage: a gzipped tar with a folder for each asset, named by the asset's GUID.

    <guid>/asset        the file (folders have none)
    <guid>/asset.meta   the GUID and how it is imported
    <guid>/pathname     where it goes in the project

GUIDs follow from the path, so importing a scene again replaces what an earlier export brought.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of a Unity project.

    Attributes:
        path: From the project's folder: Assets/…
        content: Its bytes; None for a folder.
        importer: The lines of its .meta file after the GUID.
    """

    path: str
    content: bytes | None
    importer: str


def guid(path: str) -> str:
    """Return the GUID of an asset: 32 hexadecimal digits."""
    return hashlib.sha256(f"auralize:{path}".encode()).hexdigest()[:32]


def meta(asset: Asset) -> str:
    """Return an asset's .meta file."""
    return f"fileFormatVersion: 2\nguid: {guid(asset.path)}\n{asset.importer}"


def write_package(path: Path, assets: Sequence[Asset]) -> None:
    """Write assets, and the folders that they are in, as a package."""
    folders = {
        str(parent)
        for asset in assets
        for parent in PurePosixPath(asset.path).parents
        if str(parent) not in (".", "Assets")
    }
    everything = [
        *(Asset(path=folder, content=None, importer=FOLDER_IMPORTER) for folder in sorted(folders)),
        *assets,
    ]
    # Neither time of day nor owner: the same scene gives the same bytes.
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for asset in everything:
            parts = {"asset.meta": meta(asset).encode(), "pathname": asset.path.encode()}
            if asset.content is not None:
                parts["asset"] = asset.content
            for name, content in sorted(parts.items()):
                entry = tarfile.TarInfo(f"{guid(asset.path)}/{name}")
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))


_TAIL = "  externalObjects: {}\n  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
_SHORT_TAIL = "  userData: \n  assetBundleName: \n  assetBundleVariant: \n"

FOLDER_IMPORTER = "folderAsset: yes\nDefaultImporter:\n" + _TAIL
SCENE_IMPORTER = "DefaultImporter:\n" + _TAIL
TEXT_IMPORTER = "TextScriptImporter:\n" + _TAIL
PREFAB_IMPORTER = "PrefabImporter:\n" + _TAIL
SHADER_IMPORTER = (
    "ShaderImporter:\n  externalObjects: {}\n  defaultTextures: []\n"
    "  nonModifiableTextures: []\n" + _SHORT_TAIL
)
SCRIPT_IMPORTER = (
    "MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n"
    "  executionOrder: 0\n  icon: {instanceID: 0}\n" + _SHORT_TAIL
)
# Loaded whole before the scene starts, not compressed, so that stems start at one sample.
AUDIO_IMPORTER = (
    """\
AudioImporter:
  externalObjects: {}
  serializedVersion: 6
  defaultSettings:
    loadType: 0
    sampleRateSetting: 0
    sampleRateOverride: 44100
    compressionFormat: 0
    quality: 1
    conversionMode: 0
  platformSettingOverrides: {}
  forceToMono: 0
  normalize: 0
  preloadAudioData: 1
  loadInBackground: 0
  ambisonic: 0
  3D: 1
"""
    + _SHORT_TAIL
)


def native_importer(main_object: int) -> str:
    """Return how an asset in Unity's own YAML is imported."""
    return (
        "NativeFormatImporter:\n  externalObjects: {}\n"
        f"  mainObjectFileID: {main_object}\n" + _SHORT_TAIL
    )
