"""Facts that all ranks must have in common, and where one of them differs.

Facts are texts by name.  First 64 bits of each travel to rank 0, by names
that it gives; of the first that differs then the text itself, so that no
rank decides how much another one has to take.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from aspis_mpi.files.digests import brief
from aspis_mpi.words import printable

#: Bytes of a text that travels, at most, and characters that people see.
ROOM, SHOWN = 512, 120

#: In the place of the number of a fact: none differs.
NONE = -1
#: In the place of a text: there is no such fact.
ABSENT = 'not there'


@dataclass(frozen=True)
class Difference:
    """A fact that a rank has otherwise than rank 0.

    Attributes
    ----------
    key : str
    theirs, ours : str
    """

    key: str
    theirs: str
    ours: str

    def __str__(self):
        if self.theirs == self.ours:
            # They differ in what is not shown.
            return f'{self.key} is not the {self.ours} of rank 0'
        return f'{self.key} is {self.theirs} there, {self.ours} on rank 0'


def condensed(facts, keys):
    """64 bits of each fact.

    Parameters
    ----------
    facts : dict of str to str
    keys : list of str
        n names.

    Returns
    -------
    ndarray of uint64, shape (n + 1,)
        The last of all other facts together; 0 where there is none.
    """
    return np.array([_bits(facts.get(key)) for key in keys]
                    + [_bits(_others(facts, keys))], dtype=np.uint64)


def first(own, theirs):
    """Number of the first fact that differs, or `NONE`."""
    differs = own != theirs
    return int(differs.argmax()) if differs.any() else NONE


def said(facts, keys, number):
    """The answer of a rank that is asked for a fact by its number."""
    if number == NONE:
        return ''
    if number < len(keys):
        return facts.get(keys[number], ABSENT)
    return _others(facts, keys) or ABSENT


def difference(facts, keys, number, text):
    """The same fact on rank 0, beside what another one said.

    Parameters
    ----------
    facts : dict of str to str
        Of rank 0.
    keys : list of str
    number : int
        Of the fact that was asked for.
    text : str
        The answer.

    Returns
    -------
    Difference
    """
    if number < len(keys):
        key = keys[number]
        return Difference(key, _shown(text),
                          _shown(facts.get(key, ABSENT)))
    key, equals, value = text.partition(' = ')
    return Difference(_shown(key), _shown(value if equals else text), ABSENT)


def _others(facts, keys):
    """All facts that are not asked for, None without any."""
    known = set(keys)
    told = [f'{key} = {facts[key]}' for key in facts if key not in known]
    return '; '.join(told) or None


def _bits(text):
    if text is None:
        return 0
    raw = blake2b(text.encode(errors='replace'), digest_size=8).digest()
    return int.from_bytes(raw, 'little')


def _shown(text):
    """A text, which may be a liar's, as a person sees it."""
    text = printable(brief(text))
    return text if len(text) <= SHOWN else f'{text[:SHOWN]} ...'
