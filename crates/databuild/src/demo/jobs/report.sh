#!/bin/sh
# What happened up to one period, for people: sh report.sh PERIOD OUT IN...
set -eu
period=$1
out=$2
shift 2
mkdir -p "$out"

totals=$(for in in "$@"; do cat "$in/total.tsv"; done | sort)
files=$(for in in "$@"; do cat "$in/files.tsv"; done | awk -F '\t' '
  { lines[$2] += $1 }
  END { for (file in lines) print lines[file] "\t" file }
' | sort -k1,1nr -k2 | head -n 8)

{
  echo "# What changed up to $period"
  echo
  echo "$totals" | awk -F '\t' '
    { name[NR] = $1; commits[NR] = $2; lines[NR] = $4; if (most < $4) most = $4
      all_commits += $2; all_lines += $4 }
    END {
      print all_commits " commits changed " all_lines " lines."
      print ""
      print "| when | commits | lines | |"
      print "|---|--:|--:|---|"
      for (n = 1; n <= NR; n++) {
        bar = ""
        width = most ? int(30 * lines[n] / most + 0.999) : 0
        for (i = 0; i < width; i++) bar = bar "█"
        printf "| %s | %7d | %6d | %s |\n", name[n], commits[n], lines[n], bar
      }
    }
  '
  echo
  echo "Where most of it happened:"
  echo
  echo "| lines | file |"
  echo "|--:|---|"
  echo "$files" | awk -F '\t' 'NF == 2 { printf "| %6d | %s |\n", $1, $2 }'
} > "$out/report.md"

echo "$totals" | awk -F '\t' '
  { lines = $4; if (lines == 0) quiet++; if (most < lines) { most = lines; when = $1 } }
  END {
    print "__DATABUILD_METRIC__::{\"name\":\"rows_processed\",\"value\":" NR ",\"unit\":\"periods\"}"
    print "{\"level\":\"warn\",\"message\":\"the busiest time\",\"when\":\"" when \
          "\",\"lines\":" most + 0 ",\"quiet\":" quiet + 0 "}"
  }
'
echo "wrote $out/report.md"
