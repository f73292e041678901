"""The results of a finished run: scores with intervals, paths of files, the study of readings."""
