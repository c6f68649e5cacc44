"""The drawings of these pages, as SVG beside them and, to look at, as PNG.

    python docs/making/pictures.py                   # into docs/figures
    python docs/making/pictures.py --png DIR         # and as PNG into a folder
    python docs/making/pictures.py --only step spot  # some of them
"""

import argparse
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

FIGURES = Path(__file__).resolve().parents[1] / 'figures'

INK, PALE, LINE = '#222222', '#eef1f5', '#8894a3'
RIGHT, WRONG, SLOW, SERVER = '#2b6cb0', '#c53030', '#b7791f', '#2f855a'
WORKERS = range(5)
#: Equal pictures are equal files; letters are letters, not paths.
STYLE = {'svg.hashsalt': 'aspis', 'svg.fonttype': 'none',
         'font.family': 'DejaVu Sans'}


def canvas(width, height):
    """A figure whose unit is a tenth of an inch, without axes."""
    figure = Figure(figsize=(width / 10, height / 10))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.axis('off')
    return figure, axis


def box(axis, x, y, width, height, text='', color=PALE, ink=INK, size=9,
        edge=LINE):
    """A rounded box with a text in it."""
    axis.add_patch(FancyBboxPatch(
        (x, y), width, height, boxstyle='round,pad=0,rounding_size=0.6',
        facecolor=color, edgecolor=edge, linewidth=0.8))
    axis.text(x + width / 2, y + height / 2, text, ha='center', va='center',
              color=ink, fontsize=size)


def word(axis, x, y, text, color=INK, size=9, **how):
    """A text."""
    axis.text(x, y, text, color=color, fontsize=size,
              **({'ha': 'center', 'va': 'center'} | how))


def arrow(axis, start, end, color=INK, **how):
    """An arrow from point to point."""
    axis.add_patch(FancyArrowPatch(
        start, end, color=color, linewidth=1.1, shrinkA=0, shrinkB=0,
        **({'arrowstyle': '-|>', 'mutation_scale': 9} | how)))


# -- Aspis: replicas, the graph of agreement, the clique

#: Some of the ten files on three of five workers; worker 4 lies on its own.
HELD = ((0, 1, 2), (0, 1, 4), (0, 3, 4), (1, 2, 3), (1, 3, 4), (2, 3, 4))
LIES = {(1, 4), (2, 4), (4, 4), (5, 4)}
PLACES = {0: (54, 24), 1: (64, 24), 2: (67.5, 14.5), 3: (59, 8),
          4: (50.5, 14.5)}


def votes():
    """Files on three workers each, and who agrees with whom."""
    figure, axis = canvas(78, 34)
    word(axis, 20, 31.5, 'each file on three workers', size=10)
    for worker in WORKERS:
        word(axis, 12 + 5.5 * worker, 28, f'w{worker}', RIGHT if worker < 4
             else WRONG)
    for i, holders in enumerate(HELD):
        y = 23.5 - 4 * i
        word(axis, 5, y + 1.3, f'file {i}')
        for worker in WORKERS:
            if worker in holders:
                lie = (i, worker) in LIES
                box(axis, 9.8 + 5.5 * worker, y, 4.4, 2.7,
                    'lie' if lie else f'$g_{i}$',
                    WRONG if lie else PALE, 'white' if lie else INK)
    word(axis, 59, 31.5, 'who agrees with whom', size=10)
    for one in WORKERS:
        for other in range(one + 1, 5):
            fair = other != 4
            axis.plot(*zip(PLACES[one], PLACES[other]),
                      color=RIGHT if fair else WRONG,
                      linewidth=1.6 if fair else 0.9,
                      linestyle='-' if fair else (0, (3, 3)), zorder=1)
    for worker, (x, y) in PLACES.items():
        axis.add_patch(Circle(
            (x, y), 2.1, color=RIGHT if worker < 4 else WRONG, zorder=2))
        word(axis, x, y, f'w{worker}', 'white')
    word(axis, 59, 3, 'w0 … w3 are the one largest clique:\nwho is outside '
         'of it is flagged', size=9)
    return figure


# -- Gradient codes: whole workers or whatever is finished

#: Files that each of five workers has finished of its three.
DONE = (3, 2, 1, 2, 0)


def partial():
    """What counts of slow workers: all or nothing, or what is finished."""
    figure, axis = canvas(78, 33)
    word(axis, 20, 31, 'finished when the server looks', size=10)
    for worker, done in enumerate(DONE):
        y = 25 - 4.5 * worker
        word(axis, 3.5, y + 1.5, f'w{worker}')
        for place in range(3):
            finished = place < done
            box(axis, 7 + 9 * place, y, 8, 3,
                f'file {(worker + place) % 5}',
                RIGHT if finished else 'white',
                'white' if finished else LINE)
        if done < 3:
            word(axis, 36, y + 1.5, 'slow' if done else 'silent', SLOW)
    word(axis, 60, 31, 'what that is good for', size=10)
    box(axis, 43, 16.5, 33, 11, color='white')
    word(axis, 59.5, 25, 'whole workers only', size=9.5)
    word(axis, 59.5, 20.5, 'w0 alone: files 0, 1, 2.\nFiles 3 and 4 are '
         'waited for.', SLOW)
    box(axis, 43, 2.5, 33, 12, color='white')
    word(axis, 59.5, 12.3, 'partial stragglers', size=9.5)
    word(axis, 59.5, 7, 'w0: 0, 1, 2   w1: 1, 2\nw2: 2   w3: 3, 4\n'
         'Every file is there: send now.', SERVER)
    word(axis, 20, 3.5, 'three of five files a worker, in its order', LINE)
    return figure


# -- Certificates: count who would have to be wrong

def certificate():
    """A value is certified where more than q would have to be wrong."""
    figure, axis = canvas(78, 33)
    word(axis, 18, 31, 'one file on five workers, q = 2', size=10)
    for place, (worker, value) in enumerate(zip('01234', 'aaabb')):
        right = value == 'a'
        box(axis, 2 + 6.7 * place, 23, 5.7, 3.6, f'w{worker}: {value}',
            RIGHT if right else WRONG, 'white')
    word(axis, 18, 18, 'a is wrong only if w0, w1 and w2 are:\nthree, and '
         'at most two can be.\na is certified.', RIGHT)
    word(axis, 18, 10.5, 'b needs no such thing:\nw3 and w4 may be the two.',
         WRONG)
    word(axis, 18, 4.5, 'w3 is right only if three others are wrong:\nit is '
         'exposed, and so is w4.', WRONG)
    word(axis, 59, 31, 'disagreement elsewhere counts, too', size=10)
    for place, (worker, value) in enumerate(zip('56', 'cc')):
        box(axis, 46 + 6.7 * place, 23, 5.7, 3.6, f'w{worker}: {value}',
            RIGHT, 'white')
    for place, worker in enumerate('78'):
        box(axis, 63 + 6.7 * place, 23, 5.7, 3.6, f'w{worker}', SLOW,
            'white')
    arrow(axis, (65.8, 22.4), (72.6, 22.4), SLOW,
          connectionstyle='arc3,rad=0.45', arrowstyle='<|-|>')
    word(axis, 69.2, 18.4, 'disagree on another file', SLOW, 8)
    word(axis, 59, 13, 'c is wrong only if w5 and w6 are.\nOf w7 and w8 one '
         'is wrong in any case.\nThat makes three: c is certified.', RIGHT)
    word(axis, 59, 4.5, 'the second half: a maximum matching\nof the '
         'disagreements that are left', LINE)
    return figure


# -- The life of a step

MESSAGES = (
    ('Model, Parameters', True, 'Computing', 'compute, file by file'),
    ('Progress · or each Replica', False, '', ''),
    ('Encode: who finished what', True, 'Encoding', 'combine what was asked'),
    ('CodedGradient · Sum', False, '', ''),
    ('Challenge: a secret seed', True, 'Verifying', 'sketch what was sent'),
    ('Sketch', False, '', ''),
    ('Commit', True, 'Resolving', 'forget the gradients'))


def both_sides(height, bottom):
    """A server and a worker, with lines down along which time passes."""
    figure, axis = canvas(78, height)
    top = height - 5.5
    for x, name, color in ((4, 'server (rank 0)', SERVER),
                           (52, 'each worker', RIGHT)):
        box(axis, x, top, 22, 4, name, color, 'white', 10)
        axis.plot((x + 11, x + 11), (bottom, top), color=LINE, linewidth=0.8,
                  zorder=0)
    return figure, axis


def message(axis, y, text, down, state, work):
    """An arrow between both sides; what they are, and do, after it."""
    ends = (26, 52) if down else (52, 26)
    arrow(axis, (ends[0], y), (ends[1], y), SERVER if down else RIGHT)
    word(axis, 39, y + 1.4, text, size=8.5)
    if state:
        box(axis, 7, y - 3.7, 16, 3.4, state, 'white')
        box(axis, 52.5, y - 3.7, 21, 3.4, work, 'white', size=8.5)


def step():
    """Messages of a step, in the order in which they travel."""
    figure, axis = both_sides(61, bottom=6.5)
    for i, told in enumerate(MESSAGES):
        message(axis, 51.5 - 6 * i, *told)
    word(axis, 39, 43.6, 'enough files are finished', LINE, 8)
    word(axis, 39, 31.6, 'all vectors are here, or their time is over', LINE,
         8)
    word(axis, 39, 19.6, 'what fails is asked for again, of others', LINE, 8)
    word(axis, 39, 8.6, 'detect · choose a value for each file · aggregate · '
         'update', SERVER, 8.5)
    word(axis, 39, 4, 'Encode only where vectors are asked for; Challenge '
         'only where transfer.challenge is set;\nwith replicas the step goes '
         'from Computing straight to Resolving.', INK, 8.5)
    return figure


# -- Spot checks: what is drawn only when what it is about is here

#: Text of an arrow, whether it goes to the workers, state of the server,
#: work of a worker; and what is drawn before it, if anything is.
CHECKED = (
    ('Model, Parameters', True, 'Computing', 'compute its own files', ''),
    ('Sum, unasked', False, '', '', ''),
    ('Challenge: a seed', True, 'Verifying', 'sketch each of its files',
     'all sums are here: the coin falls, a seed is drawn'),
    ('Sketch: of its own files', False, '', '', ''),
    ('Compute: one file of another', True, 'Checking', 'compute and sketch it',
     'all sketches are here: who checks which file is drawn'),
    ('Sketch: of that file', False, '', '', ''),
    ('Commit', True, 'Resolving', 'forget the gradients',
     'unequal: the server computes it, or more workers do'))


def spot():
    """Messages of a checked step, and what is drawn in between."""
    figure, axis = both_sides(66, bottom=8)
    y = 56.5
    for *told, drawn in CHECKED:
        if drawn:
            word(axis, 39, y + 1.3, drawn, WRONG, 8)
            y -= 3.6
        message(axis, y, *told)
        y -= 5.4
    word(axis, 39, 4, 'In a step that is not checked the sums are here, and '
         'Commit follows.\nNobody can know which one it will be, who will '
         'look, or at what.', INK, 8.5)
    return figure


# -- The layers

LAYERS = (
    ('commands', 'run · simulate · sweep · plan · prepare · list · show · '
     'report · export · doctor'),
    ('assembly', 'from a job to a run: design · wiring · start · replay'),
    ('backends', 'real MPI · the simulator · the replay: they drive the same '
     'objects'),
    ('job', 'sections · presets · loading · what contradicts itself'),
    ('run log', 'schema · writer · reader · checkpoints'),
    ('protocol', 'messages; the server and the worker as state machines, '
     'without I/O'),
    ('schemes', "what the server does with a step's arrivals"),
    ('learning', 'problems · models · sets of images · optimizers · '
     'schedules'),
    ('mathematics', 'assignments · codes · compression · detection · '
     'aggregation · attacks · delays'),
    ('ground floor', 'parts by name · random numbers · vectors · errors'))
OWNERS = {'backends': 'mpi4py', 'run log': 'h5py', 'learning': 'torch'}


def layers():
    """What rests on what."""
    figure, axis = canvas(78, 55)
    for i, (name, text) in enumerate(LAYERS):
        y = 48.5 - 4.9 * i
        box(axis, 2, y, 66, 4.1)
        word(axis, 3.5, y + 2.05, name, size=10, ha='left', weight='bold')
        word(axis, 23, y + 2.05, text, size=8, ha='left')
        if name in OWNERS:
            word(axis, 73, y + 2.05, OWNERS[name], SERVER, 9)
    word(axis, 73, 53.6, 'alone imports', SERVER, 8)
    word(axis, 35, 1.8, 'a layer imports from itself and from those below '
         'it', LINE, 9)
    return figure


PICTURES = (votes, partial, certificate, step, spot, layers)


def main():
    """Draw all of them, or some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = {picture.__name__: picture for picture in PICTURES}
    parser.add_argument('--png', type=Path, metavar='DIR')
    parser.add_argument('--only', nargs='+', choices=known, default=known,
                        metavar='NAME')
    arguments = parser.parse_args()
    FIGURES.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for name in arguments.only:
            figure = known[name]()
            figure.savefig(FIGURES / f'{name}.svg', metadata={'Date': None})
            if arguments.png:
                figure.savefig(arguments.png / f'{name}.png', dpi=110)


if __name__ == '__main__':
    main()
