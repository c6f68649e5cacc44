# Reads every table and array of a log, and tables of its export, as doubles.
suppressMessages({library(hdf5r); library(rhdf5)})
folder <- commandArgs(TRUE)[1]
log <- file.path(folder, 'RUN.h5')
paths <- read.delim(file.path(folder, 'paths'), header = FALSE)[[1]]
put <- function(tool, path, found) {
  if (is.data.frame(found)) {
    for (name in names(found)) {
      put(tool, paste0(path, '.', name), found[[name]])
    }
    return(invisible())
  }
  name <- file.path(folder, tool, gsub('/', '.', path, fixed = TRUE))
  if (is.character(found)) {
    file <- file(paste0(name, '.txt'), 'wb')
    writeBin(charToRaw(enc2utf8(paste(found, collapse = '\n'))), file)
  } else {
    if (is.factor(found)) stop(path, ' is a factor')
    file <- file(paste0(name, '.f8'), 'wb')
    writeBin(as.double(found), file)
  }
  close(file)
}
begin <- function(tool, version) {
  dir.create(file.path(folder, tool))
  writeLines(paste(version, R.version.string),
             file.path(folder, tool, 'version'))
}
try_all <- function(tool, read) for (path in paths) {
  tryCatch(put(tool, path, read(path)), error = function(trouble)
    cat(tool, path, conditionMessage(trouble), '\n'))
}
begin('hdf5r', paste('hdf5r', packageVersion('hdf5r')))
file <- hdf5r::H5File$new(log, 'r')
try_all('hdf5r', function(path) file[[path]]$read())
file$close_all()
begin('rhdf5', paste('rhdf5', packageVersion('rhdf5')))
try_all('rhdf5', function(path) {
  rhdf5::h5read(log, path, bit64conversion = 'double')
})
begin('R-csv', 'read.csv')
for (table in readLines(file.path(folder, 'tables'))) {
  found <- read.csv(file.path(folder, 'export', paste0(table, '.csv')),
                    encoding = 'UTF-8')
  for (name in names(found)) if (is.numeric(found[[name]]) || !nrow(found)) {
    put('R-csv', paste0(table, '.', name), found[[name]])
  }
}
