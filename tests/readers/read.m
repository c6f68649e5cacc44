% Reads every table and array of a log, and tables of its export, as doubles.
folder = argv(){end};
crash_dumps_octave_core(false);
out = fullfile(folder, 'octave');
mkdir(out);
function put(out, name, values)
  file = fopen(fullfile(out, [strrep(name, '/', '.') '.f8']), 'w');
  fwrite(file, double(values(:)), 'double');
  fclose(file);
end
file = fopen(fullfile(out, 'version'), 'w');
fprintf(file, 'GNU Octave %s\n', OCTAVE_VERSION);
fclose(file);
paths = strsplit(strtrim(fileread(fullfile(folder, 'paths'))), "\n");
for i = 1:numel(paths)
  path = strsplit(paths{i}, "\t"){1};
  parts = strsplit(path, '/');
  try
    found = load('-hdf5', fullfile(folder, 'RUN.h5'), parts{1});
    for part = parts
      found = found.(part{1});
    end
    if isstruct(found)
      for [values, name] = found
        put(out, [path '.' name], values);
      end
    elseif ischar(found)
      file = fopen(fullfile(out, [path '.txt']), 'w');
      fputs(file, strjoin(strtrim(cellstr(found))', "\n"));
      fclose(file);
    else
      put(out, path, found);
    end
  catch trouble
    printf('%s: %s\n', path, trouble.message);
  end
end
% Tables of the export: numbers by name of their column.  Names are 0; what
% has texts is left out.  textscan would be wrong in the last digits.
out = fullfile(folder, 'octave-csv');
mkdir(out);
copyfile(fullfile(folder, 'octave', 'version'), out);
tables = strsplit(strtrim(fileread(fullfile(folder, 'tables'))), "\n");
for i = 1:numel(tables)
  name = fullfile(folder, 'export', [tables{i} '.csv']);
  lines = strsplit(strtrim(fileread(name)), "\n");
  if ismember(tables{i}, {'events', 'exposures', 'tensors', 'places'})
    continue
  end
  columns = strsplit(lines{1}, ',');
  values = zeros(0, numel(columns));
  if numel(lines) > 1
    values = dlmread(name, ',', 1, 0);
  end
  for j = 1:numel(columns)
    put(out, [tables{i} '.' columns{j}], values(:, j));
  end
end
