"""Colours that stay apart for eyes of every kind, and letters that are read.

Colour blindness as Machado, Oliveira and Fernandes model it ("A
physiologically-based model for simulation of color vision deficiency", IEEE
TVCG 15(6), 2009, table 1, severity 1); contrast as WCAG 2.1 defines it.
"""

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from aspis_mpi.report import palette

BLIND = {
    'nobody': np.eye(3),
    'protanopia': [[0.152286, 1.052583, -0.204868],
                   [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    'deuteranopia': [[0.367322, 0.860646, -0.227968],
                     [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    'tritanopia': [[1.255528, -0.076749, -0.178779],
                   [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]]}
#: From linear sRGB to XYZ, whose white is 1.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                [0.0193, 0.1192, 0.9505]]) / [[0.9505], [1.0], [1.089]]
#: Distances in CIELAB: 2.3 is just seen side by side.
APART = 12
#: Of small letters, by WCAG's level AA.
CONTRAST = 4.5


def linear(colour):
    """Linear sRGB of '#rrggbb'."""
    value = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92,
                    ((value + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIELAB of linear sRGB."""
    x, y, z = np.cbrt(np.maximum(XYZ @ np.clip(light, 0, 1), 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize('blind', BLIND)
@pytest.mark.parametrize('ground', ['light', 'dark'])
@pytest.mark.parametrize('family', ['LINES', 'STATES', 'KINDS'])
def test_colours_of_a_picture_stay_apart(family, ground, blind):
    seen = [lab(np.array(BLIND[blind]) @ linear(getattr(it, ground)))
            for it in getattr(palette, family)]
    assert min(np.linalg.norm(one - other)
               for one, other in combinations(seen, 2)) > APART


def themes():
    """Variables of the light and of the dark page."""
    style = (files('aspis_mpi.report') / 'static' / 'page.css').read_text(
        'utf-8')
    for block in re.findall(r'\{ (--ground[^}]*)\}', style):
        yield dict(re.findall(r'--(\w+): (#\w{6})', block))


def test_letters_stand_out_from_their_ground():
    found = list(themes())
    # Light; dark by the system; dark by the switch.
    assert len(found) == 3 and found[1] == found[2]
    for theme in found:
        for ground in ('ground', 'card'):
            for ink in ('ink', 'pale', 'link', 'good', 'bad'):
                dim, bright = sorted(
                    (XYZ @ linear(theme[it]))[1] for it in (ground, ink))
                assert (bright + 0.05) / (dim + 0.05) > CONTRAST
