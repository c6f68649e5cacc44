'use strict';
// Pictures of the page: lines, maps of workers and steps, courses of a step.
// Each is a uPlot whose axes, zoom and cursor are the library's; the numbers
// lie in the page as JSON, and every picture gives them as a table and CSV.

const charts = JSON.parse(document.getElementById('charts').textContent);
const drawn = new Map();            // figure -> uPlot
const make = (name, attributes = {}, ...inside) => {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...inside);
  return element;
};

// -- light and dark

const system = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : system.matches;
};
const hue = pair => pair[isDark() ? 1 : 0];
const style = name => getComputedStyle(document.documentElement)
  .getPropertyValue(name).trim();

function choose(theme) {
  document.documentElement.dataset.theme = theme;
  redraw();
}

document.getElementById('theme').onclick = () =>
  choose(isDark() ? 'light' : 'dark');
system.addEventListener('change', () => redraw());

// -- numbers in words

function told(value) {
  if (value === null || value === undefined) return 'none';
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e7 ? String(+value.toPrecision(5))
    : value.toExponential(3);
}

function where(chart, i) {
  const first = chart.x[i];
  if (chart.span === 1) return `${chart.axis} ${first}`;
  const last = i + 1 < chart.x.length ? chart.x[i + 1] - 1
    : Math.round(chart.edges ? chart.edges[i + 1] - 0.5
      : first + chart.span - 1);
  return `${chart.axis}s ${first} to ${last}`;
}

const short = new Intl.NumberFormat('en', {notation: 'compact',
  maximumSignificantDigits: 3});
const tick = value => value === null ? ''
  : value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(0)
  : short.format(value).replace('K', 'k').replace('B', 'G');

// -- one uPlot for each figure

function axes(chart, label, whole) {
  const common = {stroke: () => style('--ink'), font: `12px ${style('--fonts')}`,
    labelFont: `12px ${style('--fonts')}`, labelSize: 20,
    grid: {stroke: () => style('--line'), width: 1},
    ticks: {stroke: () => style('--line'), width: 1}};
  const steps = [1, 2, 5].flatMap(n => [0, 1, 2, 3, 4, 5, 6, 7].map(
    power => n * 10 ** power)).sort((a, b) => a - b);
  return [
    {...common, label: chart.axis, size: 36,
      ...(chart.axis.startsWith('seconds') ? {} : {incrs: steps}),
      values: (_, splits) => splits.map(tick)},
    {...common, label, size: 58, ...(whole ? {incrs: steps, space: 16} : {}),
      values: (_, splits) => splits.map(tick)}];
}

function begin(figure, chart, data, series, more) {
  const place = figure.querySelector('.plot');
  place.replaceChildren();
  const plot = new uPlot({
    width: Math.max(220, place.clientWidth), height: more.height,
    legend: {show: false}, series, axes: axes(chart, more.label, more.whole),
    scales: {x: {time: false, ...(more.xRange ? {range: more.xRange} : {})},
      y: more.y},
    bands: more.bands || [],
    cursor: {drag: {x: true, y: false},
      ...(more.points === false ? {points: {show: false}} : {})},
    hooks: {draw: more.draw ? [more.draw] : [],
      setCursor: [self => say(figure, more.read(self))]},
  }, data, place);
  plot.root.setAttribute('aria-hidden', 'true');
  drawn.set(figure, plot);
  return plot;
}

function say(figure, text) {
  if (text !== null) figure.querySelector('.readout').textContent = text;
}

const shapes = {dots: () => null, bars: uPlot.paths.bars({size: [0.9]})};

function drawLines(figure, chart) {
  const data = [chart.x], series = [{}], bands = [];
  const positive = list => chart.log
    ? list.map(value => value > 0 ? value : null) : list;
  for (const it of chart.series) {
    const shown = it.shown !== false, colour = hue(it.colour);
    data.push(positive(it.mean));
    series.push({show: shown, stroke: colour, width: 1.8,
      spanGaps: Boolean(chart.points),
      dash: it.dash ? [10, 4 * it.dash] : undefined,
      ...shapes[it.shape] ? {paths: shapes[it.shape]} : {},
      ...it.shape === 'bars' ? {fill: colour, width: 0} : {},
      points: {show: it.shape === 'dots'
          || it.shape !== 'bars' && chart.x.length < 60,
        size: it.shape === 'dots' ? 9 : 5, fill: colour}});
    if (!it.low) continue;
    for (const edge of [it.high, it.low]) {
      data.push(positive(edge));
      series.push({show: shown, width: 0, stroke: 'transparent',
        points: {show: false}});
    }
    bands.push({series: [data.length - 2, data.length - 1],
      fill: colour + '33'});
  }
  begin(figure, chart, data, series, {
    height: 260, label: chart.unit, bands, y: {distr: chart.log ? 3 : 1,
      ...(chart.log ? {} : {range: (_, low, high) => {
        if (low === null) return [0, 1];
        const rise = high - low || Math.abs(high);
        return [low >= 0 && low <= rise ? 0 : low - 0.05 * rise,
          rise ? high + 0.06 * rise : 1];
      }})},
    draw: self => clipped(self, () => {
      const {min, max} = self.scales.y;
      for (const at of chart.marks || [])
        paint(self, hue(chart.marked.colour), at, at, min, max, 2);
    }),
    read: self => self.cursor.idx === null ? null : where(
      chart, self.cursor.idx) + ': ' + chart.series.filter(
        it => it.shown !== false && !(it.shape === 'dots' && it.mean[
          self.cursor.idx] === null)).map(it => {
          const i = self.cursor.idx, low = it.low ? it.low[i] : null;
          return `${it.name} ${told(it.mean[i])}` + (it.low && low !== it.high[i]
            ? ` (${told(low)} to ${told(it.high[i])})` : '');
        }).join(' · ')});
}

function rowScale(n) {
  return {range: () => [-0.5, n - 0.5], dir: -1, auto: false};
}

const rowHeight = n => Math.max(140, Math.min(560, 62 + n * (n > 60 ? 4 : 14)));

function paint(self, colour, x0, x1, y0, y1, thin = 1) {
  const left = self.valToPos(x0, 'x', true), right = self.valToPos(x1, 'x', true);
  const low = self.valToPos(y0, 'y', true), high = self.valToPos(y1, 'y', true);
  self.ctx.fillStyle = colour;
  self.ctx.fillRect(Math.min(left, right), Math.min(low, high),
    Math.max(thin, Math.abs(right - left)), Math.max(1, Math.abs(low - high)));
}

function clipped(self, how) {
  const {left, top, width, height} = self.bbox;
  self.ctx.save();
  self.ctx.beginPath();
  self.ctx.rect(left, top, width, height);
  self.ctx.clip();
  how();
  self.ctx.restore();
}

const nothing = {paths: () => null, points: {show: false}};

function drawMap(figure, chart) {
  const {rows, edges} = chart, n = rows.length;
  const colours = chart.states.map(it => hue(it.colour));
  begin(figure, chart, [chart.x, chart.x.map(() => 0)], [{}, nothing], {
    height: rowHeight(n), label: 'worker', whole: true, points: false,
    y: rowScale(n),
    xRange: (_, low, high) => low === chart.x[0]
      && high === chart.x[chart.x.length - 1]
      ? [edges[0], edges[edges.length - 1]] : [low, high],
    draw: self => clipped(self, () => {
      const gap = n > 60 ? 0 : 0.04;
      rows.forEach((row, worker) => {
        for (let i = 0, end; i < row.length; i = end) {
          for (end = i + 1; end < row.length && row[end] === row[i];) end++;
          const hidden = edges[end] < self.scales.x.min
            || edges[i] > self.scales.x.max;
          if (row[i] !== ' ' && !hidden) paint(self, colours[row[i]],
            edges[i], edges[end], worker - 0.5 + gap, worker + 0.5 - gap);
        }
      });
      for (const at of chart.marks || [])
        paint(self, hue(chart.marked.colour), at, at, -0.5, n - 0.5, 3);
    }),
    read: self => {
      const i = self.cursor.idx;
      if (i === null || self.cursor.top < 0) return null;
      const worker = Math.max(0, Math.min(n - 1, Math.round(
        self.posToVal(self.cursor.top, 'y'))));
      const state = chart.states[rows[worker][i]];
      return `worker ${worker}, ${where(chart, i)}: `
        + (state ? state.name : 'no such worker');
    }});
}

const PAYLOAD = ['#e69f00', '#f0b429'], SKETCH = ['#009e73', '#35c79a'];

function drawCourse(figure, chart) {
  const it = chart.steps[figure.chosen || 0], n = it.workers;
  const times = [it.wait, it.whole, ...it.bars.map(bar => bar[2]),
    ...[it.payloads, it.sketches, it.silent].flat().map(pair => pair[1])];
  const end = 1.02 * Math.max(...times.filter(value => value !== null), 0) || 1;
  const x = Array.from({length: 201}, (_, i) => i * end / 200);
  const bars = chart.bars.map(bar => hue(bar.colour));
  begin(figure, chart, [x, x.map(() => 0)], [{}, nothing], {
    height: rowHeight(n), label: 'worker', whole: true, points: false,
    y: rowScale(n),
    draw: self => clipped(self, () => {
      const line = style('--line'), ink = style('--ink'), bad = style('--bad');
      for (const worker of [...it.unheard, ...it.idle])
        paint(self, line, 0, end, worker - 0.5, worker + 0.5);
      for (const [worker, from, to, kind] of it.bars)
        paint(self, bars[kind], from, to, worker - 0.4, worker + 0.4);
      const seam = style('--ground');
      if (n <= 60 && it.arrivals) for (const [worker, , to] of it.bars)
        paint(self, seam, to, to, worker - 0.4, worker + 0.4);
      for (const [worker, at] of it.payloads)
        paint(self, hue(PAYLOAD),
          it.signalled ? it.wait ?? 0 : at - end / 300, at,
          worker + 0.12, worker + 0.36);
      for (const [worker, at] of it.sketches)
        paint(self, hue(SKETCH), at - end / 500, at + end / 500,
          worker - 0.4, worker + 0.4);
      for (const [worker, at] of [...it.silent, ...it.malformed])
        paint(self, bad, at - end / 300, at + end / 300,
          worker - 0.45, worker + 0.45);
      for (const at of it.deadlines) paint(self, bad, at, at, -0.5, n - 0.5);
      for (const at of [it.wait, it.whole])
        if (at !== null) paint(self, ink, at, at, -0.5, n - 0.5);
    }),
    read: self => self.cursor.left < 0 || self.cursor.top < 0 ? null
      : course(it, chart, Math.max(0, Math.min(n - 1, Math.round(
          self.posToVal(self.cursor.top, 'y')))),
        self.posToVal(self.cursor.left, 'x'))});
  if (!Math.max(...times)) return say(figure,
    `step ${it.step}: no time passed on the clock of this run.`);
  say(figure, `step ${it.step}: enough had arrived after `
    + `${told(it.wait)} s (the first upright line), the step was over after `
    + `${told(it.whole)} s (the second).`
    + (it.unheard.length ? ` Not heard: ${workers(it.unheard)}.` : '')
    + (it.idle.length ? ` Without work: ${workers(it.idle)}.` : ''));
}

const workers = numbers => (numbers.length === 1 ? 'worker ' : 'workers ')
  + numbers.join(', ');

function course(it, chart, worker, at) {
  const bar = it.bars.find(bar => bar[0] === worker && bar[1] <= at
    && at <= bar[2]);
  const what = it.idle.includes(worker) ? 'without work'
    : it.unheard.includes(worker) ? 'not heard in this step'
    : !bar ? 'nothing at this time'
    : bar[3] < 3 ? `file ${bar[4]}, ${chart.bars[bar[3]].name}`
    : `${bar[4]} files at the signal, heard last after ${told(bar[2])} s`;
  return `worker ${worker}, ${told(at)} s: ${what}`;
}

// Rows have a table alone.
const draw = {lines: drawLines, map: drawMap, course: drawCourse,
  rows: () => {}};

// -- numbers of a picture: heads and rows

function numbers(chart, figure) {
  if (chart.kind === 'lines') return linesTable(chart);
  if (chart.kind === 'map') return mapTable(chart);
  if (chart.kind === 'rows') return [chart.heads, chart.rows];
  const it = chart.steps[figure.chosen || 0];
  const at = name => ([worker, seconds]) =>
    [it.step, worker, seconds, seconds, name, ''];
  return [['step', 'worker', 'from s', 'to s', 'kind', 'file, or files'],
    [...it.bars.map(([worker, from, to, kind, file]) =>
      [it.step, worker, from, to, chart.bars[kind].name, file]),
    ...it.payloads.map(at('payload has arrived')),
    ...it.sketches.map(at('sketches have arrived')),
    ...it.silent.map(at('given up')),
    ...it.malformed.map(at('malformed message')),
    ...it.unheard.map(worker => at('not heard')([worker, null])),
    ...it.idle.map(worker => at('without work')([worker, null]))]];
}

function linesTable(chart) {
  const heads = [chart.axis], lists = [chart.x];
  for (const it of chart.series) {
    heads.push(it.low ? `${it.name}, mean` : it.name);
    lists.push(it.mean);
    if (it.low) {
      heads.push(`${it.name}, least`, `${it.name}, most`);
      lists.push(it.low, it.high);
    }
  }
  return [heads, chart.x.map((_, i) => lists.map(list => list[i]))];
}

function mapTable(chart) {
  const rows = [];
  chart.rows.forEach((row, worker) => {
    for (let i = 0, end; i < row.length; i = end) {
      for (end = i + 1; end < row.length && row[end] === row[i];) end++;
      if (row[i] !== ' ') rows.push([worker, chart.x[i],
        chart.edges[end] - 0.5, chart.states[row[i]].name]);
    }
  });
  return [['worker', 'from step', 'to step', 'state'], rows];
}

function csv([heads, rows]) {
  const cell = value => value === null || value === undefined ? ''
    : /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"`
    : String(value);
  return [heads, ...rows].map(row => row.map(cell).join(',')).join('\n');
}

function saved(name, found) {
  const link = make('a', {href: '#', className: 'save',
    textContent: 'Save as CSV',
    download: name.replace(/[^\w.-]+/g, '-') + '.csv'});
  link.setAttribute('aria-label', `Save as CSV: ${name}`);
  link.onclick = () => {
    link.href = 'data:text/csv;charset=utf-8,'
      + encodeURIComponent(csv(found()));
  };
  return link;
}

function numbersOf(figure, chart) {
  const inside = make('div'), link = saved(`${chart.run} ${chart.title}`,
    () => numbers(chart, figure));
  const box = make('details', {className: 'numbers'},
    make('summary', {textContent: chart.kind === 'rows'
      ? `All ${chart.rows.length.toLocaleString('en')} rows`
      : 'Numbers of this picture'}), link, inside);
  box.ontoggle = () => {
    if (!box.open) return;
    const [heads, rows] = numbers(chart, figure);
    const body = make('tbody', {}, ...rows.slice(0, 2000).map(row =>
      make('tr', {}, ...row.map(value => make('td', {className: 'number',
        textContent: value ?? ''})))));
    const table = make('table', {}, make('caption', {textContent:
      chart.title + (rows.length > 2000 ? ': the first 2,000 rows; the CSV '
        + 'has all' : '')}),
      make('thead', {}, make('tr', {}, ...heads.map(text => make('th',
        {scope: 'col', textContent: text})))), body);
    const scroll = make('div', {className: 'scroll', tabIndex: 0}, table);
    scroll.setAttribute('role', 'region');
    scroll.setAttribute('aria-label', 'Numbers of ' + chart.title);
    inside.replaceChildren(scroll);
  };
  return box;
}

// -- what stands around a picture: keys of its colours, a list, a reset

function key(name, colour, toggle) {
  const swatch = make('i');
  swatch.pair = colour;
  swatch.style.background = hue(colour);
  const it = make(toggle ? 'button' : 'span', {className: 'key'}, swatch,
    name);
  if (toggle) {
    it.type = 'button';
    it.setAttribute('aria-pressed', 'true');
    it.onclick = () => it.setAttribute('aria-pressed', String(toggle()));
  }
  return it;
}

function toggler(figure, chart, series) {
  return () => {
    series.shown = series.shown === false;
    const plot = drawn.get(figure);
    let place = 1;
    for (const it of chart.series) {
      const n = it.low ? 3 : 1;
      if (it === series && plot) for (let i = 0; i < n; i++)
        plot.setSeries(place + i, {show: series.shown});
      place += n;
    }
    return series.shown;
  };
}

function prepare(figure, chart) {
  if (chart.kind === 'rows') {
    figure.append(numbersOf(figure, chart));
    return;
  }
  const tools = make('div', {className: 'tools'});
  if (chart.kind === 'lines') for (const it of chart.series)
    tools.append(key(it.name, it.colour, chart.series.length > 1
      && toggler(figure, chart, it)));
  if (chart.kind === 'lines' && (chart.marks || []).length)
    tools.append(key(chart.marked.name, chart.marked.colour));
  if (chart.kind === 'map') {
    const seen = new Set(chart.rows.join(''));
    chart.states.forEach((it, i) => seen.has(String(i))
      && tools.append(key(it.name, it.colour)));
    if (chart.marks && chart.marks.length)
      tools.append(key(chart.marked.name, chart.marked.colour));
  }
  if (chart.kind === 'course') tools.append(...courseTools(figure, chart));
  tools.append(make('button', {type: 'button', textContent: 'Show all',
    onclick: () => whole(figure)}));
  const plot = make('div', {className: 'plot', tabIndex: 0});
  plot.setAttribute('role', 'group');
  plot.setAttribute('aria-roledescription', 'picture');
  plot.setAttribute('aria-label', `${chart.title}${inWords(chart)}; arrow `
    + 'keys move the cursor, plus and minus zoom, 0 shows all; numbers below');
  plot.onkeydown = event => keyed(event, figure, chart);
  const readout = make('p', {className: 'readout'});
  readout.setAttribute('aria-live', 'polite');
  figure.append(tools, plot, readout, numbersOf(figure, chart));
}

function inWords(chart) {
  if (chart.kind !== 'lines') return '';
  return ': ' + chart.series.map(it => {
    const known = it.mean.filter(value => value !== null);
    return known.length ? `${it.name} from ${told(known[0])} to `
      + told(known[known.length - 1]) : `${it.name}: nothing`;
  }).join(', ');
}

function courseTools(figure, chart) {
  const list = make('select', {onchange: () => {
    figure.chosen = list.selectedIndex;
    drawCourse(figure, chart);
  }}, ...chart.steps.map(it => make('option', {textContent:
    `step ${it.step}` + (it.why ? `: ${it.why}` : '')})));
  const kinds = new Set(chart.steps.flatMap(it => it.bars.map(bar => bar[3])));
  const some = name => chart.steps.some(it => it[name].length);
  return [make('label', {}, 'Step ', list),
    ...chart.bars.filter((_, i) => kinds.has(i)).map(
      it => key(it.name, it.colour)),
    ...(some('payloads') ? [key('payload on its way, or here',
      PAYLOAD)] : []),
    ...(some('sketches') ? [key('sketches, or a check', SKETCH)] : []),
    ...(some('silent') || some('malformed') || some('deadlines')
      ? [key('given up, malformed, or the deadline', ['#a83f00', '#ff8a3d'])]
      : []),
    ...(some('unheard') || some('idle')
      ? [key('not heard, or without work', ['#d0d7de', '#3a4148'])] : [])];
}

// -- keys

function whole(figure) {
  const plot = drawn.get(figure);
  if (!plot) return;
  const x = plot.data[0];
  plot.setScale('x', {min: x[0], max: x[x.length - 1]});
}

function keyed(event, figure, chart) {
  const plot = drawn.get(figure);
  if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
  const {min, max} = plot.scales.x, x = plot.data[0];
  const at = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, 'x')
    : (min + max) / 2;
  const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  const row = {ArrowUp: -1, ArrowDown: 1}[event.key];
  if (step) {
    let i = plot.valToIdx(at) + step * (event.shiftKey ? 10 : 1);
    i = Math.max(0, Math.min(x.length - 1, i));
    plot.setCursor({left: plot.valToPos(x[i], 'x'),
      top: Math.max(0, plot.cursor.top)});
  } else if (row && chart.kind !== 'lines') {
    const n = chart.rows ? chart.rows.length
      : chart.steps[figure.chosen || 0].workers;
    const worker = Math.max(0, Math.min(n - 1, Math.round(plot.posToVal(
      Math.max(0, plot.cursor.top), 'y')) + row));
    plot.setCursor({left: plot.valToPos(at, 'x'),
      top: plot.valToPos(worker, 'y')});
  } else if ('+='.includes(event.key) || event.key === '-') {
    const factor = event.key === '-' ? 2 : 0.5;
    plot.setScale('x', {min: Math.max(x[0], at - (at - min) * factor),
      max: Math.min(x[x.length - 1], at + (max - at) * factor)});
  } else if (event.key === '0') {
    whole(figure);
  } else {
    return;
  }
  event.preventDefault();
}

// -- tables that sort

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = make('button', {type: 'button'}, ...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.tHead.rows[0].cells)
        other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const value = row => row.cells[column].dataset.sort
        ?? row.cells[column].textContent;
      const order = (a, b) => a === '' ? 1 : b === '' ? -1
        : (up ? 1 : -1) * (isNaN(a) || isNaN(b)
          ? String(a).localeCompare(b, 'en', {numeric: true}) : a - b);
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(
        (a, b) => order(value(a), value(b))));
    };
  });
}

// Whatever stands on the page already can be saved, too.
function savable(scroll) {
  const table = scroll.querySelector('table');
  const texts = row => [...row.cells].map(
    cell => cell.dataset.sort ?? cell.textContent);
  scroll.after(saved(`${document.title} ${table.caption.textContent}`,
    () => [texts(table.tHead.rows[0]), [...table.tBodies[0].rows].map(texts)]));
}

// -- begin: one picture after the other, so that the page can be used

function show(figure) {
  const chart = charts[figure.dataset.chart];
  if (!drawn.has(figure) && figure.offsetParent !== null)
    draw[chart.kind](figure, chart);
}

function redraw() {
  for (const swatch of document.querySelectorAll('.key i'))
    swatch.style.background = hue(swatch.pair);
  for (const [figure, plot] of [...drawn]) {
    plot.destroy();
    drawn.delete(figure);
    show(figure);
  }
}

const figures = [...document.querySelectorAll('figure[data-chart]')];
const waiting = [];

function drawNext() {
  const figure = waiting.shift();
  if (!figure) {
    document.documentElement.dataset.ready = 'yes';
    return;
  }
  show(figure);
  setTimeout(drawNext);
}

figures.forEach(figure => prepare(figure, charts[figure.dataset.chart]));
waiting.push(...figures);
for (const box of document.querySelectorAll('details.more'))
  box.addEventListener('toggle', () =>
    box.querySelectorAll('figure[data-chart]').forEach(show));
document.querySelectorAll('table.sorts').forEach(sortable);
document.querySelectorAll('.scroll:not(.numbers *)').forEach(savable);

// A narrow screen has the answers first, and the reasons on demand.
const narrow = matchMedia('(max-width: 40rem)');
const fold = () => document.querySelectorAll('details.why').forEach(
  box => { box.open = !narrow.matches; });
narrow.addEventListener('change', fold);
fold();

function fit() {
  for (const [figure, plot] of drawn) {
    const width = figure.querySelector('.plot').clientWidth;
    if (width && Math.abs(width - plot.width) > 1)
      plot.setSize({width: Math.max(220, width), height: plot.height});
  }
}

let pause;
addEventListener('resize', () => {
  clearTimeout(pause);
  pause = setTimeout(fit, 150);
});

// Paper is light, has all of it, and a width that no picture exceeds: that
// of A4 or Letter, on which two of a grid stand side by side.
const PAPER = 680, HALF = 330;
let before = null;
addEventListener('beforeprint', () => {
  const closed = [...document.querySelectorAll('details:not(.numbers)')]
    .filter(box => !box.open);
  before = {closed, theme: document.documentElement.dataset.theme};
  for (const box of closed) box.open = true;
  document.documentElement.dataset.theme = 'light';
  redraw();
  figures.forEach(show);
  for (const [figure, plot] of drawn)
    plot.setSize({height: plot.height,
      width: figure.parentElement.matches('.grid') ? HALF : PAPER});
});
addEventListener('afterprint', () => {
  for (const box of before.closed) box.open = false;
  if (before.theme) document.documentElement.dataset.theme = before.theme;
  else delete document.documentElement.dataset.theme;
  redraw();
});
drawNext();
