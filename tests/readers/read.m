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
% Tables of the export, whole: a variable for each column.
out = fullfile(folder, 'octave-mat');
mkdir(out);
copyfile(fullfile(folder, 'octave', 'version'), out);
tables = strsplit(strtrim(fileread(fullfile(folder, 'tables'))), "\n");
for i = 1:numel(tables)
  found = load(fullfile(folder, 'export-mat', [tables{i} '.mat']));
  for [values, name] = found
    if iscell(values)
      file = fopen(fullfile(out, [tables{i} '.' name '.txt']), 'w');
      fputs(file, strjoin(values(:)', "\n"));
      fclose(file);
    else
      put(out, [tables{i} '.' name], values);
    end
  end
end
