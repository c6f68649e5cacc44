"""What the server says of a step that must not be: sentences for people."""

import numpy as np


def accused(resolution):
    """Who disagrees with whom and by how much, in one clause."""
    pairs = np.argwhere(np.triu(resolution.disagreements))
    if not len(pairs):
        return 'no two workers disagree'
    named = ', '.join(f'{a}-{b}' for a, b in pairs[:8].tolist())
    more = f' and {len(pairs) - 8} more' if len(pairs) > 8 else ''
    return (f'pairs {named}{more} disagree, the closest by '
            f'{resolution.margin[1]:.3g} of its norm')


def suspicion(resolution):
    """Which of the assumptions it looks like, as advice."""
    if 'not finite' in resolution.verdict.contradiction:
        return ('training seems to have diverged; lower optimizer.lr or set '
                'optimizer.clip')
    if 'exposed' in resolution.verdict.contradiction:
        return ('more workers than scheme.adversaries send what is no '
                'message of this protocol; do all ranks run one version?')
    if resolution.margin[1] < 1e-2:
        return ('the values differ by little, so it looks like hardware or '
                'thread counts that compute different bits')
    return ('the values differ by much, so it looks like more wrong workers '
            'than scheme.adversaries')
