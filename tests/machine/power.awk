# For tests/machine/power: holds what each life of the machine has found against what the
# one before was told to be promised.
function short(text) { print "short: life " $1 ": " text; failed++ }

$2 == "claim:" && NF == 8 {
    # LIFE claim: KIND NAME FIRST LAST BYTES SUM
    key = $1 SUBSEP $3
    claims[key, ++many[key]] = $4
    about[key, $4] = $5 " " $6 " " $7 " " $8
    promised++
    if ($6 == "-") short($3 "/" $4 " was not whole when it was finished")
}
$2 == "have:" {
    have[$1, $3, $4] = $5 " " $6 " " $7 " " $8
    if ($6 == "-") { cut++; short($3 "/" $4 " is called finished and is not whole") }
}
$2 == "range:" { r = ++ranges[$1, $3]; from[$1, $3, r] = $4; to[$1, $3, r] = $5 }
$2 == "twice:" && $4 > 0 { twice += $4 }
$2 == "nul:" && $4 > 0 { nul += $4; short($4 " NUL bytes in finished files of " $3) }
$2 == "removed:" { short("multilog has removed " $3 "/" $4) }
$2 == "ended:" && $4 != 0 { short("multilog ends with " $4 " in " $3) }
$2 == "disk:" {
    if ($4 != "flushed") short("the disk has lost what was flushed")
    if ($6 != "lost") dropped++
    lives++
}
$2 == "checked:" && $1 > 1 {
    for (k = 1; k <= 2; k++) {
        kind = k == 1 ? "plain" : "processed"
        key = ($1 - 1) SUBSEP kind
        for (c = 1; c <= many[key]; c++) {
            name = claims[key, c]
            split(about[key, name], was, " ")
            checked++
            if (!(($1, kind, name) in have)) { gone++; short(kind "/" name " is gone") }
            else if (have[$1, kind, name] != about[key, name]) { cut++; short(kind "/" name " is another: " have[$1, kind, name] ", not " about[key, name]) }
            for (n = was[1] + 0; n <= was[2] + 0; n++) {
                found = 0
                for (r = 1; r <= ranges[$1, kind] && !found; r++) found = from[$1, kind, r] <= n && n <= to[$1, kind, r]
                lines++
                if (!found) lost++
            }
        }
    }
    cycles++
}
END {
    if (lost) { print "short: lines lost"; failed++ }
    if (!cycles || !promised) { print "short: nothing was promised"; failed++ }
    if (dropped < lives) { print "short: the disk keeps what was not flushed"; failed++ }
    printf "%d losses of power, %d files promised, %d names gone, %d files cut or changed, %d NUL bytes, %d of %d lines lost: %s\n",
        cycles, checked, gone, cut, nul, lost, lines, failed ? "FAIL" : "PASS"
}
