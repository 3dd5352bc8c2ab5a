#!/bin/sh
# The commits of one period: sh commits.sh PERIOD HISTORY OUT
# HISTORY is what `git log --numstat` printed; OUT gets a line for each file that a commit touched.
set -eu
period=$1
history=$2
out=$3
mkdir -p "$out"

awk -F '\t' -v period="$period" -v file="$out/changes.tsv" '
  function json(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
  }
  BEGIN { printf "" > file }
  $1 == "C" {
    inside = index($3, period) == 1
    if (inside) { commits++; commit = $2; title[commit] = $4; print "reading " commit "  " $4 }
    next
  }
  inside && NF == 3 {
    lines = $1 + $2                      # "-" for a binary file counts as 0
    print commit "\t" lines "\t" $3 > file
    size[commit] += lines
    if (most == "" || size[most] < size[commit]) most = commit
  }
  END {
    print "__DATABUILD_METRIC__::{\"name\":\"rows_processed\",\"value\":" commits + 0 ",\"unit\":\"commits\"}"
    if (commits == 0)
      print "{\"level\":\"warn\",\"message\":\"nobody committed anything\",\"period\":" json(period) "}"
    else if (most != "")
      print "{\"level\":\"warn\",\"message\":\"largest commit, look twice\",\"commit\":" json(most) \
            ",\"lines\":" size[most] ",\"title\":" json(title[most]) "}"
    else
      print "{\"level\":\"warn\",\"message\":\"no commit changed a file\",\"commits\":" commits "}"
  }
' "$history"
