"""Import of networks of other projects, recognised by the weight names of their published files.

Files are read with `weights_only`, which refuses files that would run code.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nst_core.errors import NstError
from nst_core.networks.adain_vgg19 import AdaINVgg19
from nst_core.networks.fast_neural_style import FastNeuralStyle, translated

KNOWN = (
    "pytorch/examples' fast_neural_style (conv1.conv2d.weight …) and the decoder of pytorch-AdaIN "
    "(1.weight, 5.weight … 28.weight, with its vgg_normalised.pth as --encoder)"
)
_FAST_NEURAL_STYLE = {"conv1.conv2d.weight", "res5.conv2.conv2d.weight", "deconv3.conv2d.weight"}
#: Indices of the convolutions in the `Sequential` of pytorch-AdaIN.
_DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
_ENCODER = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)
#: Entries of batch statistics in files from before PyTorch 0.4; instance normalisation has none.
_DROPPED = ("running_mean", "running_var", "num_batches_tracked")

Weights = dict[str, Tensor]


class ImportedFileError(NstError):
    """A file holds no network of a known layout."""


def import_network(path: Path, encoder: Path | None = None) -> FastNeuralStyle | AdaINVgg19:
    """The network of another project's file; `encoder` is the VGG-19 file of an AdaIN decoder.

    Raises `ImportedFileError`: an unknown layout, weights that do not fit, more than weights.
    """
    weights = read_weights(path)
    network: FastNeuralStyle | AdaINVgg19
    if weights.keys() >= _FAST_NEURAL_STYLE:
        network = FastNeuralStyle()
        kept = {key: value for key, value in weights.items() if not key.endswith(_DROPPED)}
        try:
            taken = translated(kept)
        except KeyError as error:
            raise ImportedFileError(f"{path.name} lacks {error} of fast_neural_style.") from error
        if len(taken) < len(kept):
            raise ImportedFileError(f"{path.name} has layers that fast_neural_style does not have.")
        return _loaded(network, taken, path)
    if weights.keys() == _sequential_keys(_DECODER):
        if encoder is None:
            raise ImportedFileError(
                f"{path.name} is an AdaIN decoder without its encoder; "
                "give vgg_normalised.pth as --encoder."
            )
        own = read_weights(encoder)
        if not own.keys() >= _sequential_keys(_ENCODER):
            raise ImportedFileError(
                f"{encoder.name} is not the normalised VGG-19 of pytorch-AdaIN (0.weight, 2.weight …)."
            )
        network = AdaINVgg19()
        taken = _in_order(own, _ENCODER, network.encoder, "encoder")
        taken |= _in_order(weights, _DECODER, network.decoder, "decoder")
        return _loaded(network, taken, path)
    some = ", ".join(list(weights)[:3])
    raise ImportedFileError(f"{path.name} has an unknown layout ({some} …). Known are {KNOWN}.")


def read_weights(path: Path) -> Weights:
    """All tensors of a safetensors or PyTorch file by name. Raises `ImportedFileError`."""
    try:
        if path.suffix == ".safetensors":
            found: object = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ImportedFileError(
            f"{path.name} holds more than weights, or is no PyTorch file; it was not loaded."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, SafetensorError) as error:
        raise ImportedFileError(f"{path.name} can't be read as weights: {_line(error)}") from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ImportedFileError(f"{path.name} is no table of named weights.")
    return {str(key).removeprefix("module."): value.float() for key, value in found.items()}


def _sequential_keys(indices: tuple[int, ...]) -> set[str]:
    return {f"{index}.{part}" for index in indices for part in ("weight", "bias")}


def _in_order(
    weights: Weights, indices: tuple[int, ...], layers: nn.Sequential, prefix: str
) -> Weights:
    """Imported weights under this package's names, which follow the same order."""
    own = [number for number, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    return {
        f"{prefix}.{ours}.{part}": weights[f"{theirs}.{part}"]
        for ours, theirs in zip(own, indices, strict=True)
        for part in ("weight", "bias")
    }


def _loaded(
    network: FastNeuralStyle | AdaINVgg19, weights: Weights, path: Path
) -> FastNeuralStyle | AdaINVgg19:
    try:
        network.load_trained_state_dict(weights)
    except RuntimeError as error:
        raise ImportedFileError(
            f"{path.name} does not fit {network.architecture}: {_line(error)}"
        ) from error
    return network.eval()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
