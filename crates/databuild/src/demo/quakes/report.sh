#!/bin/sh
# A week on a page: sh report.sh DATE OUT IN...
set -eu
date=$1 out=$2
shift 2
mkdir -p "$out"
files=$(for folder in "$@"; do echo "$folder/quakes.csv"; done)
# Names of partitions have no blanks, so the list may be taken apart.
# shellcheck disable=SC2086
awk -F , -v date="$date" 'FNR == 1 { days++; next }
{ quakes++; count[int($5)]++; if (most == "" || magnitude < $5 + 0) { magnitude = $5 + 0; most = $0 } }
END {
  printf "# Earthquakes of %d days up to %s\n\n%d in all.\n\n| magnitude | how many |\n|---|---|\n", days, date, quakes
  for (m = 1; m < 10; m++) if (m in count) printf "| %d to %d | %d |\n", m, m + 1, count[m]
  split(most, part, ",")
  printf "\nThe strongest: magnitude %s on %s, %s km deep.\n", part[5], part[1], part[4]
}' $files > "$out/report.md"
cat "$out/report.md"
