#!/bin/sh
# What a user of solve_fixed_point relies on: sh solve_fixed_point.sh <program> <folder to work in>
# Every problem has the solution that is known of it, a method that does not get there says so, the pattern of Gray and
# Scott solves its equations when they are written down a second time, here, and what is wrong is refused.
. "$(dirname "$0")/expect.sh"

# number <folder> <key>: the first number under this key of metrics.json, however deep
number() {
  sed -n "s/^ *\"$2\": \\([-+.0-9e]*\\),*$/\\1/p" "$1/metrics.json" | head -n 1
}

# near <what> <number> <expected> <how far off it may be>
near() {
  awk -v a="$2" -v b="$3" -v most="$4" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= most) }' ||
    fail "$1 is '$2', expected $3 to $4"
}

"$program" --out all >all.log
written all metrics.json history.csv bratu.png bratu_curve.csv bratu_curve.png reaction.png chandrasekhar.png \
  gray_scott.png gray_scott.csv gray_scott_pattern.png inverse.png inverse.csv inverse_coefficient.png
measured all seconds peak_rss_bytes

# The fold of the differential equation is at 6.808124423, that of n x n points is off by a multiple of 1 / (n + 1)^2.
"$program" --problem bratu --points 31 --out coarse >coarse.log
grep -q '"converged": true' all/metrics.json || fail "the fold did not converge: $(cat all.log)"
fold() { sed -n '/"fold": {/,/}/s/^ *"lambda": \([^,]*\),*$/\1/p' "$1/metrics.json"; }
near 'the fold, extrapolated' "$(awk "BEGIN { printf \"%.10g\", (4 * $(fold all) - $(fold coarse)) / 3 }")" 6.808124423 2e-6
near "the largest u at lambda = 6" "$(number all largest_u)" 0.79707 1e-5
# Past the fold: two points of the curve with all but the same lambda, and another u.
awk -F, 'NR > 1 && $1 > 3 && $1 < 5 { if ($2 < 1) low = 1; if ($2 > 2) high = 1 } END { exit !(low && high) }' \
  all/bratu_curve.csv || fail "the curve has not both solutions: $(cat all/bratu_curve.csv)"

near 'u in the middle' "$(number all u_in_the_middle)" 0.15564 6e-6
near 'u next to a corner' "$(number all u_next_to_a_corner)" 0.00405 6e-6

# Of n = 10 and c = 0.9999; the mean is known.
near 'h_n' "$(number all h_n)" 2.7141310 1e-6
near 'the mean of h' "$(number all mean)" "$(number all mean_known)" 1e-6

# Gray and Scott, once more: the largest rate of change at the end, and a pattern, not one number everywhere.
awk -F, -v h="$(number all width_of_a_cell)" '
  NR > 1 { u[$1, $2] = $3; v[$1, $2] = $4; if ($1 >= n) n = $1 + 1 }
  function at(z, i, j) { i = i < 0 ? 0 : i == n ? n - 1 : i; j = j < 0 ? 0 : j == n ? n - 1 : j; return i SUBSEP j }
  function size(x) { return x < 0 ? -x : x }
  END {
    for (i = 0; i < n; ++i) for (j = 0; j < n; ++j) {
      c = i SUBSEP j; w = at(0, i - 1, j); e = at(0, i + 1, j); s = at(0, i, j - 1); t = at(0, i, j + 1)
      react = u[c] * v[c] * v[c]
      a = 0.16 * (u[w] + u[e] + u[s] + u[t] - 4 * u[c]) / (h * h) - react + 0.037 * (1 - u[c])
      b = 0.08 * (v[w] + v[e] + v[s] + v[t] - 4 * v[c]) / (h * h) + react - 0.097 * v[c]
      if (size(a) > most) most = size(a)
      if (size(b) > most) most = size(b)
      if (v[c] > high) high = v[c]
      if (low == "" || v[c] < low) low = v[c]
    }
    if (n < 16 || most > 1e-8 || high < 0.2 || low > 0.1) { print n, most, low, high; exit 1 }
  }' all/gray_scott.csv || fail "gray_scott.csv is no pattern at rest"
# What multigrid is for: many times fewer evaluations on the finest grid.
awk -F, '$1 == "gray_scott" { last[$2] = $3 } END { exit !(last["64: Newton-Krylov"] > 3 * last["64: Newton-Krylov with multigrid"]) }' \
  all/history.csv || fail "multigrid does not save evaluations: $(cat all.log)"

near 'the error of q from exact data' "$(number all relative_error_of_q)" 0 1e-8
"$program" --problem inverse --noise 0.001 --out little >little.log
sed -n '/"data with noise": {$/,$p' little/metrics.json >little/noise
near 'the error of q from data with noise of a thousandth' \
  "$(sed -n 's/^ *"relative_error_of_q": \([^,]*\),*$/\1/p' little/noise)" 0 0.01

# Picard is far from Bratu's solution after 3,000 evaluations, and says so.
grep -q 'Picard  *max_iterations' all.log || fail "Picard does not say that it ended early: $(cat all.log)"
awk -F, '$4 != $4 + 0 && NR > 1 { exit 1 }' all/history.csv || fail "history.csv has what is no number"

refused "problem is 'none', expected one of all, bratu" --problem none
refused 'lambda' --lambda 7
refused 'grid' --grid 8
refused "grid is 100, expected" --grid 100
refused 'c is' --c 2
printf 'solve_fixed_point: all as expected\n'
