#!/bin/sh
# How much each file changed in one period: sh churn.sh PERIOD IN OUT
set -eu
period=$1
in=$2
out=$3
mkdir -p "$out"

awk -F '\t' -v period="$period" -v out="$out" '
  function json(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
  }
  BEGIN { printf "" > (out "/files.tsv") }
  {
    if (!($1 in seen)) { seen[$1] = 1; commits++ }
    if (!($3 in lines)) files++
    lines[$3] += $2
    total += $2
  }
  END {
    for (file in lines) {
      print lines[file] "\t" file > (out "/files.tsv")
      if (most == "" || lines[most] < lines[file]) most = file
    }
    print period "\t" commits + 0 "\t" files + 0 "\t" total + 0 > (out "/total.tsv")
    print files + 0 " files, " total + 0 " lines"
    print "__DATABUILD_METRIC__::{\"name\":\"rows_processed\",\"value\":" NR ",\"unit\":\"changes\"}"
    if (0 < total)
      print "{\"level\":\"warn\",\"message\":\"the file that changed most\",\"file\":" json(most) \
            ",\"lines\":" lines[most] ",\"share\":\"" int(100 * lines[most] / total) "%\"}"
    else
      print "{\"level\":\"warn\",\"message\":\"nothing changed\",\"period\":" json(period) "}"
  }
' "$in/changes.tsv"
