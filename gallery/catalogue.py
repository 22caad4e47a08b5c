"""Catalogue of the gallery: name, title, description, drawing function and seed of each style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gallery import (
    broken_planes,
    cathedral_glass,
    coral_growth,
    gilded_garden,
    great_waves,
    ikat_weave,
    light_trails,
    marbled_paper,
    night_oils,
    paper_strata,
    riverside_dots,
    tesserae,
    three_chalks,
    wet_petals,
    wild_colours,
    woodcut,
)

#: Side of the bundled pictures in pixels.
SIZE = 768


@dataclass(frozen=True)
class Entry:
    """One picture of the gallery."""

    slug: str
    title: str
    drawing: Callable[[np.random.Generator, int], Image.Image]
    seed: int
    description: str


ENTRIES: tuple[Entry, ...] = (
    Entry("night-oils", "Night wind", night_oils.draw, 7,
          "Thick oil strokes whirl in night blues around golden lights."),
    Entry("great-waves", "Great waves", great_waves.draw, 7,
          "A block-printed sea: flat blues, clawed foam, a graded sky."),
    Entry("cathedral-glass", "Cathedral glass", cathedral_glass.draw, 7,
          "A leaded rose window in cobalt, ruby and gold, lit from behind."),
    Entry("riverside-dots", "Riverside dots", riverside_dots.draw, 7,
          "An afternoon by the river in small touches of complementary colours."),
    Entry("gilded-garden", "Gilded garden", gilded_garden.draw, 7,
          "Spirals, eyes and chequers, raised and enamelled on gold leaf."),
    Entry("wet-petals", "Wet petals", wet_petals.draw, 7,
          "Transparent watercolour flowers with dark drying edges on rough paper."),
    Entry("woodcut", "Woodcut sun", woodcut.draw, 7,
          "Bold carved lines in black on warm paper, with a red sun."),
    Entry("tesserae", "Tesserae", tesserae.draw, 7,
          "A stone mosaic of sun and sea whose rows follow the forms."),
    Entry("wild-colours", "Wild colours", wild_colours.draw, 7,
          "A southern bay in broad daubs of unmixed, blazing colour."),
    Entry("marbled-paper", "Marbled paper", marbled_paper.draw, 7,
          "Inks floated on water, combed and curled, lifted on paper."),
    Entry("broken-planes", "Broken planes", broken_planes.draw, 7,
          "Overlapping facets in earths, slate blue and rust."),
    Entry("paper-strata", "Paper strata", paper_strata.draw, 7,
          "Layer upon layer of cut paper from deep teal to plum, with soft shadows."),
    Entry("three-chalks", "Three chalks", three_chalks.draw, 7,
          "Round fruit hatched in black, red and white chalk on toned paper."),
    Entry("light-trails", "Light trails", light_trails.draw, 7,
          "A long exposure of neon threads over a violet night."),
    Entry("ikat-weave", "Ikat weave", ikat_weave.draw, 7,
          "Feathered stars and diamonds in madder, indigo and saffron thread."),
    Entry("coral-growth", "Coral growth", coral_growth.draw, 7,
          "A self-grown maze of coral ridges over turquoise water."),
)  # fmt: skip


def entry(slug: str) -> Entry:
    """The entry of that name; KeyError if there is none."""
    for candidate in ENTRIES:
        if candidate.slug == slug:
            return candidate
    raise KeyError(slug)


def draw(slug: str, size: int = SIZE) -> Image.Image:
    """Draw a picture from its seed: the same pixels every time, `size` × `size`, RGB.

    The generator is named, because numpy may change what `default_rng` returns. Below 64 pixels the
    strokes are finer than the pixels.
    """
    found = entry(slug)
    return found.drawing(np.random.Generator(np.random.PCG64(found.seed)), size)
