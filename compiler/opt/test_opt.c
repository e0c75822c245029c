/* test_opt.c - each pass on small texts: rows in, rows out. */
#include "compiler/ir/random_fn.h"
#include "compiler/opt/equal.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const preamble = "axis a = 512\naxis b = 500\naxis c = 16384\n"
                                    "slot \"s\" state : f32[]\nslot \"v\" state : f32[3]\nslot \"w\" state : f32[3,4]\nslot \"k\" state : i64[3]\n"
                                    "slot \"d\" state : f64[3]\nslot \"p\" state : bool[3]\n"
                                    "fn f {state} {\n"
                                    "%s = read \"s\" : f32[]\n%v = read \"v\" : f32[3]\n%w = read \"w\" : f32[3,4]\n%k = read \"k\" : i64[3]\n"
                                    "%d = read \"d\" : f64[3]\n%p = read \"p\" : bool[3]\n%z = const {value 0} : f32[]\n"
                                    "%x = normal {stream \"x\"} : f32<a>[3]\n%y = normal {stream \"y\"} : f32<b>[3]\n"
                                    "%h = normal {stream \"h\"} : f32<a>[4]\n%i = normal {stream \"i\"} : f32<b>[4]\n";

typedef void Pass(IrModule *m, IrFn *f);
typedef struct { Pass *pass; const char *in, *out; } Row;

static const Row rows[] = {
    /* constants */
    {opt_simplify, "%a = const {value 2} : f32[]\n%b = mul %a, 3 : f32[]\n%c = exp %b : f32[]\n%r = add %v, %c : f32[3]", "%r = add %v, 403.4288024902344 : f32[3]"},
    {opt_simplify, "%a = const {value 16777217} : i64[]\n%b = convert %a {f32} : f32[]\n%r = mul %v, %b : f32[3]", "%r = mul %v, 16777216 : f32[3]"},
    {opt_simplify, "%a = div -7, 2 : i64[]\n%b = rem -7, 2 : i64[]\n%c = div %b, 0 : i64[]\n%e = sub %a, %c : i64[]\n%r = mul %k, %e : i64[3]", "%r = mul %k, -4 : i64[3]"},
    {opt_simplify, "%a = const {value 0} : f32[]\n%r = div %a, %a : f32[]", "%r = div 0, 0 : f32[]"},
    {opt_simplify, "%a = const {value 3} : f32[]\n%c = compare %a, %z {gt} : bool[]\n%r = select %c, %v, %x : f32<a>[3]", "%r = spread %v {over a} : f32<a>[3]"},
    /* neutral elements */
    {opt_simplify, "%a = mul %v, 1 : f32[3]\n%b = div %a, 1 : f32[3]\n%c = add -0, %b : f32[3]\n%r = sub %c, 0 : f32[3]", "%r = read \"v\" : f32[3]"},
    {opt_simplify, "%a = add 0, %v : f32[3]\n%b = sub 0, %a : f32[3]\n%c = sub %b, -0 : f32[3]\n%r = fma %c, %v, 0 : f32[3]",
     "%a = add 0, %v : f32[3]\n%b = sub 0, %a : f32[3]\n%c = sub %b, -0 : f32[3]\n%r = fma %c, %v, 0 : f32[3]"},
    {opt_simplify, "%a = exp %v : f32[3]\n%b = add %v, %a : f32[3]\n%c = add 0, %b : f32[3]\n%r = exp %c : f32[3]", "%a = exp %v : f32[3]\n%b = add %v, %a : f32[3]\n%r = exp %b : f32[3]"},
    {opt_simplify, "%a = normal {stream \"n\"} : f32<a>[3]\n%b = mul 0.5, %a : f32<a>[3]\n%r = add 0, %b : f32<a>[3]", "%a = normal {stream \"n\"} : f32<a>[3]\n%b = mul 0.5, %a : f32<a>[3]"},
    {opt_simplify, "%a = convert %v {f64} : f64[3]\n%b = exp %a : f64[3]\n%c = sub 0, %b : f64[3]\n%t = convert %c {f32} : f32[3]\n%r = add 0, %t : f32[3]",
     "%a = convert %v {f64} : f64[3]\n%b = exp %a : f64[3]\n%c = sub 0, %b : f64[3]\n%t = convert %c {f32} : f32[3]\n%r = add 0, %t : f32[3]"},
    {opt_simplify, "%a = broadcast -0 {dims [3]} : f32[3]\n%b = spread %a {over a} : f32<a>[3]\n%r = add %v, %b : f32<a>[3]", "%r = spread %v {over a} : f32<a>[3]"},
    {opt_simplify, "%r = mul %v, 0 : f32[3]", "%r = mul %v, 0 : f32[3]"},
    {opt_simplify, "%r = mul %k, 0 : i64[3]", "%r = broadcast 0 {dims [3]} : i64[3]"},
    {opt_simplify, "%a = neg %v : f32[3]\n%b = neg %a : f32[3]\n%r = mul %b, -1 : f32[3]", "%r = neg %v : f32[3]"},
    {opt_simplify, "%a = neg %v : f32[3]\n%r = sub %x, %a : f32<a>[3]", "%r = add %x, %v : f32<a>[3]"},
    {opt_simplify, "%a = neg %v : f32[3]\n%r = add %a, %x : f32<a>[3]", "%r = sub %x, %v : f32<a>[3]"},
    {opt_simplify, "%a = mul %v, 5 : f32[3]\n%r = neg %a : f32[3]", "%r = mul -5, %v : f32[3]"},
    {opt_simplify, "%a = mul 2, %v : f32[3]\n%r = mul 0.5, %a : f32[3]", "%r = read \"v\" : f32[3]"},
    {opt_simplify, "%a = mul %v, 0.3 : f32[3]\n%r = mul 4, %a : f32[3]", "%r = mul %v, 1.2 : f32[3]"},
    {opt_simplify, "%a = mul %v, 3 : f32[3]\n%r = mul 5, %a : f32[3]", "%a = mul %v, 3 : f32[3]\n%r = mul 5, %a : f32[3]"},
    {opt_simplify, "%a = sum %x {over a} : f32[3]\n%r = div %a, 512 : f32[3]", "%a = sum %x {over a} : f32[3]\n%r = mul %a, 0.001953125 : f32[3]"},
    {opt_simplify, "%r = div %v, 3 : f32[3]", "%r = div %v, 3 : f32[3]"},
    {opt_simplify, "%r = pow %v, 3 : f32[3]", "%0 = mul %v, %v : f32[3]\n%r = mul %0, %v : f32[3]"},
    {opt_simplify, "%a = fma 1, %v, %x : f32<a>[3]\n%r = fma %a, %v, -0 : f32<a>[3]", "%a = add %v, %x : f32<a>[3]\n%r = mul %a, %v : f32<a>[3]"},
    {opt_simplify, "%r = max %v, %v : f32[3]", "%r = read \"v\" : f32[3]"},
    /* choices and masks */
    {opt_simplify, "%r = select %p, %x, %x : f32<a>[3]", "%r = normal {stream \"x\"} : f32<a>[3]"},
    {opt_simplify, "%n = select %p, false, true : bool[3]\n%r = select %n, %v, 1 : f32[3]", "%r = select %p, 1, %v : f32[3]"},
    {opt_simplify, "%n = select %p, false, true : bool[3]\n%r = select %n, false, true : bool[3]", "%r = read \"p\" : bool[3]"},
    {opt_simplify, "%a = select %p, %v, %s : f32[3]\n%r = select %p, %a, %x : f32<a>[3]", "%r = select %p, %v, %x : f32<a>[3]"},
    {opt_simplify, "%a = select %p, %v, 0 : f32[3]\n%b = select %p, %x, 0 : f32<a>[3]\n%e = spread %a {over a} : f32<a>[3]\n%r = add %e, %b : f32<a>[3]",
     "%a = select %p, %v, 0 : f32[3]\n%b = select %p, %x, 0 : f32<a>[3]\n%r = add %a, %b : f32<a>[3]"},
    {opt_simplify, "%a = select %p, %x, 0 : f32<a>[3]\n%b = select %p, %s, 0 : f32[3]\n%c = exp %x : f32<a>[3]\n%e = select %p, %c, 0 : f32<a>[3]\n%r = add %a, %e : f32<a>[3]",
     "%c = exp %x : f32<a>[3]\n%0 = add %x, %c : f32<a>[3]\n%r = select %p, %0, 0 : f32<a>[3]"},
    {opt_simplify, "%a = convert %v {f64} : f64[3]\n%b = convert %a {f32} : f32[3]\n%r = exp %b : f32[3]", "%r = exp %v : f32[3]"},
    {opt_simplify, "%a = convert %d {f32} : f32[3]\n%r = convert %a {f64} : f64[3]", "%a = convert %d {f32} : f32[3]\n%r = convert %a {f64} : f64[3]"},
    /* what is repeated */
    {opt_simplify, "%a = broadcast %s {dims [3]} : f32[3]\n%b = spread %a {over a} : f32<a>[3]\n%r = mul %x, %b : f32<a>[3]", "%r = mul %x, %s : f32<a>[3]"},
    {opt_simplify, "%a = broadcast %s {dims [3]} : f32[3]\n%r = exp %a : f32[3]", "%0 = exp %s : f32[]\n%r = broadcast %0 {dims [3]} : f32[3]"},
    {opt_simplify, "%a = broadcast %s {dims [3,4]} : f32[3,4]\n%b = transpose %a {dims [1,0]} : f32[4,3]\n%c = reshape %b {dims [12]} : f32[12]\n%r = slice %c {lo [1] hi [9] step [2]} : f32[4]",
     "%r = broadcast %s {dims [4]} : f32[4]"},
    {opt_simplify, "%a = spread %v {over a} : f32<a>[3]\n%b = spread %a {over b} : f32<a,b>[3]\n%r = exp %b : f32<a,b>[3]", "%b = spread %v {over a,b} : f32<a,b>[3]\n%r = exp %b : f32<a,b>[3]"},
    /* layout */
    {opt_simplify, "%a = reshape %w {dims [12]} : f32[12]\n%b = reshape %a {dims [3,4]} : f32[3,4]\n%r = exp %b : f32[3,4]", "%r = exp %w : f32[3,4]"},
    {opt_simplify, "%a = transpose %w {dims [1,0]} : f32[4,3]\n%b = transpose %a {dims [1,0]} : f32[3,4]\n%r = exp %b : f32[3,4]", "%r = exp %w : f32[3,4]"},
    {opt_simplify, "%a = broadcast %v {dims [3,4] kept [0]} : f32[3,4]\n%r = broadcast %a {dims [2,3,4] kept [1,2]} : f32[2,3,4]", "%r = broadcast %v {dims [2,3,4] kept [1]} : f32[2,3,4]"},
    {opt_simplify, "%a = as_feature %x {axis a} : f32[512,3]\n%b = as_sample %a {axis a} : f32<a>[3]\n%r = exp %b : f32<a>[3]", "%r = exp %x : f32<a>[3]"},
    {opt_simplify, "%a = pad %v {lo [0] hi [0] interior [0] value 1} : f32[3]\n%b = slice %a {lo [0] hi [3] step [1]} : f32[3]\n%c = concat %b {dim 0} : f32[3]\n%r = exp %c : f32[3]", "%r = exp %v : f32[3]"},
    {opt_simplify, "%a = broadcast 2 {dims [3]} : f32[3]\n%r = pad %a {lo [1] hi [2] interior [0] value 2} : f32[6]", "%r = broadcast 2 {dims [6]} : f32[6]"},
    {opt_simplify, "%a = broadcast 2 {dims [3]} : i64[3]\n%r = pad %a {lo [1] hi [2] interior [0] value 3} : i64[6]", "%a = broadcast 2 {dims [3]} : i64[3]\n%r = pad %a {lo [1] hi [2] interior [0] value 3} : i64[6]"},
    /* sums */
    {opt_simplify, "%a = spread %v {over a} : f32<a>[3]\n%r = sum %a {over a} : f32[3]", "%r = mul %v, 512 : f32[3]"},
    {opt_simplify, "%a = spread %y {over a} : f32<a,b>[3]\n%r = sum %a {over a,b} : f32[3]", "%0 = sum %y {over b} : f32[3]\n%r = mul %0, 512 : f32[3]"},
    {opt_simplify, "%a = spread %y {over a} : f32<a,b>[3]\n%r = sum %a {over b} : f32<a>[3]", "%0 = sum %y {over b} : f32[3]\n%r = spread %0 {over a} : f32<a>[3]"},
    {opt_simplify, "%a = broadcast %v {dims [3,4] kept [0]} : f32[3,4]\n%r = sum %a {dims [0,1]} : f32[]", "%0 = sum %v {dims [0]} : f32[]\n%r = mul %0, 4 : f32[]"},
    {opt_simplify, "%a = broadcast %v {dims [3,4] kept [0]} : f32[3,4]\n%r = sum %a {dims [1]} : f32[3]", "%r = mul %v, 4 : f32[3]"},
    {opt_simplify, "%a = broadcast %v {dims [0,3] kept [1]} : f32[0,3]\n%r = sum %a {dims [0]} : f32[3]", "%r = broadcast 0 {dims [3]} : f32[3]"},
    {opt_simplify, "%a = reshape %v {dims [1,3]} : f32[1,3]\n%r = sum %a {dims [0]} : f32[3]", "%r = read \"v\" : f32[3]"},
    /* contractions */
    {opt_simplify, "%a = transpose %w {dims [1,0]} : f32[4,3]\n%r = dot %x, %a {contract 0:1} : f32<a>[4]", "%r = dot %x, %w {contract 0:0} : f32<a>[4]"},
    {opt_simplify, "%a = spread %w {over a} : f32<a>[3,4]\n%r = dot %x, %a {contract 0:0} : f32<a>[4]", "%r = dot %x, %w {contract 0:0} : f32<a>[4]"},
    {opt_simplify, "%a = spread %v {over a} : f32<a>[3]\n%r = dot %a, %w {contract 0:0} : f32<a>[4]", "%0 = dot %v, %w {contract 0:0} : f32[4]\n%r = spread %0 {over a} : f32<a>[4]"},
    {opt_simplify, "%a = sum %x {dims [0]} : f32<a>[]\n%b = reshape %a {dims [1]} : f32<a>[1]\n%c = reshape %v {dims [3,1]} : f32[3,1]\n%r = dot %b, %c {contract 0:1} : f32<a>[3]",
     "%a = sum %x {dims [0]} : f32<a>[]\n%r = mul %a, %v : f32<a>[3]"},
    /* stop, inside bodies too */
    {opt_stop, "%a = stop %v : f32[3]\n%b = stop %a : f32[3]\n%r = sub %b, %v : f32[3]", "%r = sub %v, %v : f32[3]"},
    {opt_simplify, "%r = scan %v ; ; {n 3} (%t: f32[3]) {\n%u = mul %t, 1 : f32[3]\n%e = neg %u : f32[3]\n%g = neg %e : f32[3]\nyield %g\n} : f32[3]",
     "%r = scan %v ; ; {n 3} (%t: f32[3]) {\nyield %t\n} : f32[3]"},
    /* the same twice */
    {opt_cse, "%a = mul %v, %s : f32[3]\n%b = mul %s, %v : f32[3]\n%r = add %a, %b : f32[3]", "%a = mul %v, %s : f32[3]\n%r = add %a, %a : f32[3]"},
    {opt_cse, "%a = sub %v, %s : f32[3]\n%b = sub %s, %v : f32[3]\n%r = add %a, %b : f32[3]", "%a = sub %v, %s : f32[3]\n%b = sub %s, %v : f32[3]\n%r = add %a, %b : f32[3]"},
    {opt_cse, "%a = read \"s\" : f32[]\n%r = sub %a, %s : f32[]", "%r = sub %s, %s : f32[]"},
    {opt_cse, "%a = sum %w {dims [0]} : f32[4]\n%b = sum %w {dims [1]} : f32[3]\n%c = sum %w {dims [0]} : f32[4]\n%e = add %a, %c : f32[4]\n%r = concat %e, %b {dim 0} : f32[7]",
     "%a = sum %w {dims [0]} : f32[4]\n%b = sum %w {dims [1]} : f32[3]\n%e = add %a, %a : f32[4]\n%r = concat %e, %b {dim 0} : f32[7]"},
    {opt_cse, "%a = add %s, -0 : f32[]\n%b = add %s, 0 : f32[]\n%r = mul %a, %b : f32[]", "%a = add %s, -0 : f32[]\n%b = add %s, 0 : f32[]\n%r = mul %a, %b : f32[]"},
    {opt_cse, "%a = scan %v ; ; {n 3} (%t: f32[3]) {\n%u = exp %t : f32[3]\n%q = exp %t : f32[3]\n%g = add %u, %q : f32[3]\nyield %g\n} : f32[3]\n"
              "%b = scan %v ; ; {n 3} (%t2: f32[3]) {\n%u2 = exp %t2 : f32[3]\n%g2 = add %u2, %u2 : f32[3]\nyield %g2\n} : f32[3]\n%r = sub %a, %b : f32[3]",
     "%a = scan %v ; ; {n 3} (%t: f32[3]) {\n%u = exp %t : f32[3]\n%g = add %u, %u : f32[3]\nyield %g\n} : f32[3]\n%r = sub %a, %a : f32[3]"},
    {opt_cse, "%n = const {value 7} : i64[]\n%a = extern %n, %s {symbol \"f\"} : f32[]\n%b = extern %n, %s {symbol \"f\"} : f32[]\n%r = add %a, %b : f32[]",
     "%n = const {value 7} : i64[]\n%a = extern %n, %s {symbol \"f\"} : f32[]\n%b = extern %n, %s {symbol \"f\"} : f32[]\n%r = add %a, %b : f32[]"},
    /* what nothing uses */
    {opt_dce, "%a, %b, %c, %o, %q = scan %s, %v, %d ; %w ; %k, %p {n 3} (%t: f32[], %u: f32[3], %e: f64[3], %row: f32[4], %kk: i64[3], %pp: bool[3]) {\n"
              "%t1 = exp %t : f32[]\n%u1 = select %pp, %u, %t : f32[3]\n%e1 = mul %e, 2 : f64[3]\n%k1 = add %kk, 1 : i64[3]\n%q1 = mul %row, 2 : f32[4]\nyield %t1, %u1, %e1, %k1, %q1\n"
              "} : f32[], f32[3], f64[3], i64[3,3], f32[3,4]\n%r = exp %b : f32[3]",
     "%a, %b = scan %s, %v ; ; %p {n 3} (%t: f32[], %u: f32[3], %pp: bool[3]) {\n%t1 = exp %t : f32[]\n%u1 = select %pp, %u, %t : f32[3]\nyield %t1, %u1\n} : f32[], f32[3]\n%r = exp %b : f32[3]"},
    {opt_dce, "%c = compare %s, 0 {gt} : bool[]\n%a, %r = cond %c, %v, %d (%t: f32[3], %e: f64[3]) {\n%g = exp %t : f32[3]\nyield %e, %g\n} (%u: f32[3], %q: f64[3]) {\nyield %q, %u\n} : f64[3], f32[3]",
     "%c = compare %s, 0 {gt} : bool[]\n%r = cond %c, %v (%t: f32[3]) {\n%g = exp %t : f32[3]\nyield %g\n} (%u: f32[3]) {\nyield %u\n} : f32[3]"},
    {opt_dce, "%n = const {value 7} : i64[]\n%a = extern %n, %s {symbol \"f\"} : f32[]\n%b = exp %a : f32[]\n%r = exp %s : f32[]", "%n = const {value 7} : i64[]\n%a = extern %n, %s {symbol \"f\"} : f32[]\n%r = exp %s : f32[]"},
    /* the same iterations twice */
    {opt_scans, "%a, %o = scan %v ; %w ; %s {n 3} (%t: f32[3], %u: f32[4], %q: f32[]) {\n%t1 = exp %t : f32[3]\n%o1 = mul %u, %q : f32[4]\n%t2 = mul %t1, %q : f32[3]\nyield %t2, %o1\n} : f32[3], f32[3,4]\n"
                "%b, %in, %mid = scan %v ; %w ; %s {n 3} (%T: f32[3], %U: f32[4], %Q: f32[]) {\n%T1 = exp %T : f32[3]\n%T2 = mul %T1, %Q : f32[3]\nyield %T2, %T, %T1\n} : f32[3], f32[3,3], f32[3,3]\n"
                "%e = dot %in, %mid {contract 0:0} : f32[3,3]\n%g = dot %e, %o {contract 1:0} : f32[3,4]\n%h2 = sub %a, %b : f32[3]\n%r = dot %h2, %g {contract 0:0} : f32[4]",
     "%a, %o, %in, %mid = scan %v ; %w ; %s {n 3} (%t: f32[3], %u: f32[4], %q: f32[]) {\n%t1 = exp %t : f32[3]\n%o1 = mul %u, %q : f32[4]\n%t2 = mul %t1, %q : f32[3]\nyield %t2, %o1, %t, %t1\n} : f32[3], f32[3,4], f32[3,3], f32[3,3]\n"
     "%e = dot %in, %mid {contract 0:0} : f32[3,3]\n%g = dot %e, %o {contract 1:0} : f32[3,4]\n%h2 = sub %a, %a : f32[3]\n%r = dot %h2, %g {contract 0:0} : f32[4]"},
    {opt_scans, "%a = scan %v ; ; %s {n 3} (%t: f32[3], %q: f32[]) {\n%t1 = mul %t, %q : f32[3]\nyield %t1\n} : f32[3]\n%b, %o = scan %v ; ; %s {n 3} (%T: f32[3], %Q: f32[]) {\n%T1 = add %T, %Q : f32[3]\nyield %T1, %T\n} : f32[3], f32[3,3]\n%r = dot %o, %a {contract 1:0} : f32[3]",
     "%a = scan %v ; ; %s {n 3} (%t: f32[3], %q: f32[]) {\n%t1 = mul %t, %q : f32[3]\nyield %t1\n} : f32[3]\n%b, %o = scan %v ; ; %s {n 3} (%T: f32[3], %Q: f32[]) {\n%T1 = add %T, %Q : f32[3]\nyield %T1, %T\n} : f32[3], f32[3,3]\n%r = dot %o, %a {contract 1:0} : f32[3]"},
    /* into what uses them */
    {opt_fuse, "%a = mul %v, %s : f32[3]\n%r = add %x, %a : f32<a>[3]", "%r = fma %v, %s, %x : f32<a>[3]"},
    {opt_fuse, "%a = mul %v, 3 : f32[3]\n%r = sub %x, %a : f32<a>[3]", "%r = fma -3, %v, %x : f32<a>[3]"},
    {opt_fuse, "%a = mul %v, %s : f32[3]\n%r = sub %a, 4 : f32[3]", "%r = fma %v, %s, -4 : f32[3]"},
    {opt_fuse, "%a = mul %v, %s : f32[3]\n%b = add %v, %a : f32[3]\n%r = mul %b, %a : f32[3]", "%a = mul %v, %s : f32[3]\n%b = add %v, %a : f32[3]\n%r = mul %b, %a : f32[3]"},
    {opt_fuse, "%a = mul %k, 3 : i64[3]\n%r = add %k, %a : i64[3]", "%a = mul %k, 3 : i64[3]\n%r = add %k, %a : i64[3]"},
    {opt_fuse, "%a = dot %h, %x {over a form lanes} : f32[4,3]\n%r = transpose %a {dims [1,0]} : f32[3,4]", "%r = dot %x, %h {over a form lanes} : f32[3,4]"},
    {opt_fuse, "%o = mul %v, %x : f32<a>[3]\n%m = broadcast %o {dims [2,3] kept [1]} : f32<a>[2,3]\n%a = sum %m {over a} : f32[2,3]\n%r = sum %a {dims [0]} : f32[3]",
     "%o = mul %v, %x : f32<a>[3]\n%m = broadcast %o {dims [2,3] kept [1]} : f32<a>[2,3]\n%r = sum %m {dims [0] over a} : f32[3]"},
    {opt_fuse, "%o = mul %v, %x : f32<a>[3]\n%m = broadcast %o {dims [3,2] kept [0]} : f32<a>[3,2]\n%a = sum %m {over a} : f32[3,2]\n%r = sum %a {dims [1]} : f32[3]",
     "%o = mul %v, %x : f32<a>[3]\n%m = broadcast %o {dims [3,2] kept [0]} : f32<a>[3,2]\n%a = sum %m {over a} : f32[3,2]\n%r = sum %a {dims [1]} : f32[3]"},
    /* added contractions */
    {opt_join, "%a = dot %x, %h {over a form lanes} : f32[3,4]\n%b = dot %y, %i {over b form lanes} : f32[3,4]\n%c = add %w, %b : f32[3,4]\n%r = add %a, %c : f32[3,4]",
     "%0 = dot %x, %h ; %y, %i {over a ; b form lanes} : f32[3,4]\n%r = add %0, %w : f32[3,4]"},
    {opt_join, "%a = dot %x, %h {over a form lanes} : f32[3,4]\n%b = dot %y, %i {over b form lanes} : f32[3,4]\n%c = add %a, %b : f32[3,4]\n%r = mul %c, %a : f32[3,4]",
     "%a = dot %x, %h {over a form lanes} : f32[3,4]\n%b = dot %y, %i {over b form lanes} : f32[3,4]\n%c = add %a, %b : f32[3,4]\n%r = mul %c, %a : f32[3,4]"},
    /* large products */
    {opt_mark, "%a = normal {stream \"A\"} : f32<c>[1024]\n%b = normal {stream \"B\"} : f32[1024,2048]\n%c = dot %a, %b {contract 0:0} : f32<c>[2048]\n%r = dot %a, %c {over c form chain} : f32[1024,2048]",
     "%a = normal {stream \"A\"} : f32<c>[1024]\n%b = normal {stream \"B\"} : f32[1024,2048]\n%c = dot %a, %b {contract 0:0 form blas} : f32<c>[2048]\n%r = dot %a, %c {over c form blas} : f32[1024,2048]"},
    {opt_mark, "%a = normal {stream \"A\"} : f32<a>[1024]\n%b = normal {stream \"B\"} : f32[1024,2048]\n%r = dot %a, %b {contract 0:0} : f32<a>[2048]",
     "%a = normal {stream \"A\"} : f32<a>[1024]\n%b = normal {stream \"B\"} : f32[1024,2048]\n%r = dot %a, %b {contract 0:0} : f32<a>[2048]"},
};

static IrModule *read_fn(Arena *a, const char *body)
{
    char why[512] = "";
    char *text = arena_printf(a, "%s%s\nreport \"r\", %%r\n}\n", preamble, body);
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m && ir_verify_module(m, why), "%s\n%s", why, body);
    return m;
}

/* The rows of the function that are not the preamble's, without their indentation. */
static char *body_of(Arena *a, const IrModule *m)
{
    Text all = text_in(a), rows_only = text_in(a);
    ir_print_fn(m, m->fns.v[0], &all);
    bool single = strstr(all.s, "report \"r\", %r\n") == NULL;
    for (char *line = strtok(all.s, "\n"); line; line = strtok(NULL, "\n")) {
        line += strspn(line, " ");
        char *known = arena_printf(a, "\n%s\n", line);
        if (!strncmp(line, "fn ", 3) || !strncmp(line, "report ", 7)) continue;
        if (strstr(preamble, known) && !single) continue;
        text_printf(&rows_only, "%s%s", rows_only.n ? "\n" : "", line);
    }
    char *s = text_str(&rows_only);
    if (rows_only.n > 2) s[rows_only.n - 2] = 0;            /* the brace at the end */
    return s;
}

/* A result that is a value of the preamble carries that one's name: then the row that made it is looked at. */
static bool is_expected(Arena *a, const IrModule *m, const char *want)
{
    const char *got = body_of(a, m);
    if (!strcmp(got, want)) return true;
    const IrVal *r = m->fns.v[0]->reports.v[0].val;
    return r->def && strstr(want, "%r = ") == want && strstr(arena_printf(a, "\n%s\n", got), arena_printf(a, "\n%%%s%s\n", r->hint, want + 2));
}

Test(opt, small_texts)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        IrModule *m = read_fn(a, rows[i].in);
        char why[512];
        rows[i].pass(m, m->fns.v[0]);
        cr_expect(ir_verify_module(m, why), "%s", why);
        opt_dce(m, m->fns.v[0]);
        cr_expect(ir_verify_module(m, why), "%s", why);
        cr_expect(is_expected(a, m, rows[i].out), "%s\n  gives\n%s\n  not\n%s", rows[i].in, body_of(a, m), rows[i].out);
        arena_free(a);
    }
}

/* ---- the whole list --------------------------------------------------------------------------------------------- */

static void count_pass(void *context, const char *pass, const IrModule *m, const IrFn *f)
{
    (void)m;
    (void)f;
    int *n = context;
    cr_assert_str_eq(pass, opt_pass_name(*n));
    ++*n;
}

Test(opt, list_runs_in_order)
{
    Arena *a = arena_new();
    int n = 0;
    opt_run_module(read_fn(a, "%r = exp %v : f32[3]"), &(PassOptions){.after = count_pass, .context = &n});
    cr_assert(n > 5 && !opt_pass_name(n) && !opt_pass_name(-1));
    arena_free(a);
}

static bool has_form(const IrModule *m, IrForm form)
{
    for (IrNode *n = m->fns.v[0]->body.first; n; n = ir_next(n))
        if (n->op == IR_dot && n->attr->form == form) return true;
    return false;
}

Test(opt, portable_calls_no_blas)
{
    for (int portable = 0; portable < 2; portable++) {
        Arena *a = arena_new();
        IrModule *m = read_fn(a, "%a = normal {stream \"A\"} : f32[1024,1024]\n%r = dot %a, %a {contract 1:0} : f32[1024,1024]");
        opt_run_module(m, &(PassOptions){.portable = portable, .verify = true});
        cr_expect(has_form(m, IR_FORM_BLAS) == !portable);
        arena_free(a);
    }
}

/* The second scan reads %u alone, so that to dead code removal it carries less than the first (a Sinkhorn loop, whose round begins with one of its two potentials). */
Test(opt, a_scan_runs_once_whatever_its_gradient_reads)
{
    Arena *a = arena_new();
    IrModule *m = read_fn(a, "%a, %b = scan %v, %v ; ; {n 3} (%t: f32[3], %u: f32[3]) {\n%t1 = exp %u : f32[3]\n%u1 = tanh %t1 : f32[3]\nyield %t1, %u1\n} : f32[3], f32[3]\n"
                             "%c, %o, %in = scan %v, %v ; ; {n 3} (%T: f32[3], %U: f32[3]) {\n%T1 = exp %U : f32[3]\n%U1 = tanh %T1 : f32[3]\nyield %T1, %U1, %U\n} : f32[3], f32[3], f32[3,3]\n"
                             "%g = add %a, %b : f32[3]\n%r = dot %in, %g {contract 1:0} : f32[3]");
    opt_run_module(m, &(PassOptions){.verify = true});
    int scans = 0;
    for (const IrNode *n = m->fns.v[0]->body.first; n; n = n->next) scans += n->op == IR_scan;
    cr_expect_eq(scans, 1, "%s", body_of(a, m));
    arena_free(a);
}

/* Verified after each pass; a run on what a run left finds nothing more to do. Stabilise, which stands first, may meet other trees
 * after simplify, so there are two runs before. */
Test(opt, random_functions)
{
    for (uint64_t seed = 0; seed < 120; seed++) {
        Arena *a = arena_new();
        IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = 50});
        opt_run_module(m, &(PassOptions){.verify = true});
        opt_run_module(m, &(PassOptions){.verify = true});
        Text once = text_in(a), twice = text_in(a);
        ir_print(m, &once);
        opt_run_module(m, &(PassOptions){.verify = true});
        ir_print(m, &twice);
        cr_expect_str_eq(text_str(&once), text_str(&twice), "seed %d", (int)seed);
        arena_free(a);
    }
}

/* ---- equal_hash ------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The elements of a vector differ in attributes alone: tables of nodes must not search through all of them for each. */
Test(opt, hash_tells_apart_what_attributes_do)
{
    enum { N = 4000 };
    Arena *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    IrFn *f = ir_fn(m, "f", IR_FN_STATE);
    IrBuilder b = {.m = m, .block = &f->body};
    int slot = ir_slot(m, "v", ir_type(IR_F32, ir_no_axes(), ir_ints(1, (int64_t[]){N})), IR_SLOT_STATE, NULL), same = 0;
    IrVal *v = ir_read(&b, slot);
    uint32_t *hash = arena_array(a, uint32_t, N);
    for (int i = 0; i < N; i++) {
        IrInts lo = ir_ints(1, (int64_t[]){i}), hi = ir_ints(1, (int64_t[]){i + 1}), one = ir_ints(1, (int64_t[]){1});
        const IrNode *n = ir_slice(&b, v, lo, hi, one)->def, *again = ir_slice(&b, v, lo, hi, one)->def;
        hash[i] = equal_hash(n);
        cr_assert(equal_heads(n, again) && equal_hash(again) == hash[i]);
    }
    qsort(hash, N, sizeof *hash, by_number);
    for (int i = 1; i < N; i++) same += hash[i] == hash[i - 1];
    cr_expect_lt(same, 8);
    arena_free(a);
}

static uint32_t id_of(const void *self, const IrVal *v)
{
    (void)self;
    return v->id;
}

/* What a chain has computed last meets its gradient first: the numbers of two operands have the same sum in every row. */
Test(opt, hash_tells_apart_operands_of_one_sum)
{
    enum { N = 4000 };
    Arena *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    IrFn *f = ir_fn(m, "f", IR_FN_STATE);
    IrBuilder b = {.m = m, .block = &f->body};
    IrVal *v = ir_read(&b, ir_slot(m, "v", ir_scalar(IR_F32), IR_SLOT_STATE, NULL)), **chain = arena_array(a, IrVal *, 2 * N);
    uint32_t *hash = arena_array(a, uint32_t, N);
    int same = 0;
    for (int i = 0; i < 2 * N; i++) chain[i] = v = ir_tanh(&b, v);
    for (int i = 0; i < N; i++) {
        IrVal *x = chain[i], *y = chain[2 * N - 1 - i];
        hash[i] = equal_hash_with(ir_mul(&b, x, y)->def, id_of, NULL);
        cr_assert_eq(equal_hash_with(ir_mul(&b, y, x)->def, id_of, NULL), hash[i], "a product has no order");
        cr_assert_neq(equal_hash_with(ir_sub(&b, y, x)->def, id_of, NULL), equal_hash_with(ir_sub(&b, x, y)->def, id_of, NULL), "a difference has");
    }
    qsort(hash, N, sizeof *hash, by_number);
    for (int i = 1; i < N; i++) same += hash[i] == hash[i - 1];
    cr_expect_lt(same, 8);
    arena_free(a);
}
