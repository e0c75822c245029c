/* report.h - report.html: one page with a run's curves and pictures that opens from disk and asks for nothing else. */
#pragma once
#include "runtime/error.h"

/* Reads `folder`/log.jsonl and the PNG files of `folder` and `folder`/pictures, and writes `folder`/report.html. Each report
 * becomes a curve over the steps; values that are not finite are marked on it. Pictures NAME-NUMBER.png belong together: the
 * last twelve of each name are shown, newest first. Lines of the log that are not JSON, and pictures that are not PNG or
 * larger than 8 MB, are left out. No log and no pictures still make a page. */
GanStatus report_write(const char *folder, const char *title, GanError *err);
