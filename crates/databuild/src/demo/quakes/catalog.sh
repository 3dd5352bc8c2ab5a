#!/bin/sh
# The earthquakes of one day: sh catalog.sh DATE OUT
# For real ones, put a line such as  curl -fsS "$SOURCE?day=$1" > "$2/quakes.csv"  in the place of awk.
set -eu
mkdir -p "$2"
awk -v day="$1" 'function chance() { seed = (seed * 75 + 74) % 65537; return seed / 65537 }
BEGIN {
  number = day; gsub("-", "", number); seed = number % 65537
  quakes = 20 + int(chance() * 40)
  print "time,latitude,longitude,depth_km,magnitude"
  for (n = 0; n < quakes; n++) {
    second = int(86400 * (n + chance()) / quakes)
    # Ten times as many for each magnitude less; some that no station measured.
    magnitude = chance() < 0.04 ? "" : sprintf("%.1f", 1 - log(1 - chance()) / log(10))
    printf "%sT%02d:%02d:%02dZ,%.2f,%.2f,%.0f,%s\n", day, second / 3600, second / 60 % 60, second % 60,
      chance() * 180 - 90, chance() * 360 - 180, 700 * chance() ^ 3, magnitude
  }
}' > "$2/quakes.csv"
echo "$(($(wc -l < "$2/quakes.csv") - 1)) earthquakes on $1"
