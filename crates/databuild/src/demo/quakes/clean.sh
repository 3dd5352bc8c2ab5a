#!/bin/sh
# Drops rows without a magnitude, and says so: sh clean.sh IN OUT
set -eu
mkdir -p "$2"
awk -F , -v out="$2/quakes.csv" 'NR == 1 { print > out; next }
$5 == "" { print "{\"level\":\"warn\",\"message\":\"no magnitude\",\"time\":\"" $1 "\",\"line\":" NR "}"; next }
{ print > out; kept++ }
END { print "__DATABUILD_METRIC__::{\"name\":\"rows_processed\",\"value\":" kept + 0 ",\"unit\":\"earthquakes\"}" }' "$1/quakes.csv"
