//! The table of the rules: expression, columns found, captures, expansion. Here a column `c` becomes `row.c`.

use std::str::FromStr;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;

use super::{Walk, walk};

/// A line: the expression; its columns with their fields, in order; its captures, `;` between; the expansion, where
/// `""` says that it is the expression itself.
type Line = (&'static str, &'static str, &'static str, &'static str);

const BARE_NAMES: &[Line] = &[
    ("temperature", "temperature", "", "row.temperature"),
    ("a + b * a", "a b a", "", "row.a + row.b * row.a"),
    (
        "status == Status::Ok && temperature > 30.0",
        "status temperature",
        "",
        "row.status == Status::Ok && row.temperature > 30.0",
    ),
    ("MAX", "", "", ""),
    ("Ok", "", "", ""),
    ("unknown + a", "a", "", "unknown + row.a"),
    ("record.partition_key", "record.partition_key", "", "row.record.partition_key"),
    ("r#type == 1", "type", "", "row.r#type == 1"),
    ("r#type.r#match", "type.match", "", "row.r#type.r#match"),
    ("true && !false", "", "", ""),
    ("self.x + crate::y + super::z", "", "", ""),
    ("_x + default + union", "_x default union", "", "row._x + row.default + row.union"),
    ("_", "", "", ""),
    ("f64 + u8", "", "", ""),
    ("ts + 5min > 10s", "ts", "", "row.ts + 5min > 10s"),
    ("\"a\" == a && b'x' == b", "a b", "", "\"a\" == row.a && b'x' == row.b"),
    // a stage's own words may be columns
    ("on == per || desc < mode", "on per desc mode", "", "row.on == row.per || row.desc < row.mode"),
];

const OPERATORS: &[Line] = &[
    ("&a", "a", "", "&row.a"),
    ("&mut a", "a", "", "&mut row.a"),
    ("&&a", "a", "", "&&row.a"),
    ("*a", "a", "", "*row.a"),
    ("-a - -b", "a b", "", "-row.a - -row.b"),
    ("!flag", "flag", "", "!row.flag"),
    ("a != b", "a b", "", "row.a != row.b"),
    ("a!=b", "a b", "", "row.a != row.b"),
    ("a = !b", "a b", "", "row.a = !row.b"),
    ("a < b && c > d", "a b c d", "", "row.a < row.b && row.c > row.d"),
    ("a << b >> c", "a b c", "", "row.a << row.b >> row.c"),
    ("a <<= b", "a b", "", "row.a <<= row.b"),
    ("a <= -b", "a b", "", "row.a <= -row.b"),
    ("a || b || c", "a b c", "", "row.a || row.b || row.c"),
    ("(a | b) & c ^ d", "a b c d", "", "(row.a | row.b) & row.c ^ row.d"),
    ("a..b", "a b", "", "row.a..row.b"),
    ("a..=b", "a b", "", "row.a..=row.b"),
    ("..b", "b", "", "..row.b"),
    ("a..", "a", "", "row.a.."),
    ("1..a", "a", "", "1..row.a"),
    ("(a.x..b.y).contains(&c)", "a.x b.y c", "", "(row.a.x..row.b.y).contains(&row.c)"),
    ("a? + b", "a b", "", "row.a? + row.b"),
    ("(a, [b, (c)])", "a b c", "", "(row.a, [row.b, (row.c)])"),
    ("[a; 3]", "a", "", "[row.a; 3]"),
    ("tags[0]", "tags", "", "row.tags[0]"),
    ("tags[i + 1][j]", "tags i j", "", "row.tags[row.i + 1][row.j]"),
    ("#[rustfmt::skip] a", "a", "", "#[rustfmt::skip] row.a"),
    ("#[cfg(a)] (#![b] c)", "c", "", "#[cfg(a)] (#![b] row.c)"),
];

const FIELDS_CALLS_AND_PATHS: &[Line] = &[
    ("location.lat", "location.lat", "", "row.location.lat"),
    ("a.b.c.d() + a.b", "a.b.c a.b", "", "row.a.b.c.d() + row.a.b"),
    ("name.len()", "name", "", "row.name.len()"),
    ("name.trim().len() == n", "name n", "", "row.name.trim().len() == row.n"),
    ("pair.0 + pair.1.x", "pair pair", "", "row.pair.0 + row.pair.1.x"),
    ("a.await", "a", "", "row.a.await"),
    ("a .b (c)", "a c", "", "row.a.b(row.c)"),
    ("a.max(b).min(c.d)", "a b c.d", "", "row.a.max(row.b).min(row.c.d)"),
    ("abs(a)", "a", "", "abs(row.a)"),
    ("Some(a)", "a", "", "Some(row.a)"),
    ("f64::max(a, b)", "a b", "", "f64::max(row.a, row.b)"),
    ("a::b::c", "", "", ""),
    ("::std::cmp::max(a, b)", "a b", "", "::std::cmp::max(row.a, row.b)"),
    ("std::f64::consts::PI * r", "r", "", "std::f64::consts::PI * row.r"),
    ("<T as m::Trait>::of(a)", "a", "", "<T as m::Trait>::of(row.a)"),
    ("name.parse::<f64>().ok()", "name", "", "row.name.parse::<f64>().ok()"),
    ("xs.iter().collect::<Vec<item>>().len() > n", "xs n", "", "row.xs.iter().collect::<Vec<item>>().len() > row.n"),
    ("xs.fold::<fn(a) -> b, _>(c)", "xs c", "", "row.xs.fold::<fn(a) -> b, _>(row.c)"),
    ("f::<a, b>(c) > d", "c d", "", "f::<a, b>(row.c) > row.d"),
    ("Vec::<item>::new().push(a)", "a", "", "Vec::<item>::new().push(row.a)"),
];

const TYPES: &[Line] = &[
    ("a as f64 / b", "a b", "", "row.a as f64 / row.b"),
    ("a as i64 < b", "a b", "", "row.a as i64 < row.b"),
    ("a as m::kind + b", "a b", "", "row.a as m::kind + row.b"),
    ("a as kind<x, y> == b", "a b", "", "row.a as kind<x, y> == row.b"),
    ("(a as &'x [kind]).len() > b", "a b", "", "(row.a as &'x [kind]).len() > row.b"),
    ("a as *const kind as usize - b", "a b", "", "row.a as *const kind as usize - row.b"),
    ("a as fn(x) -> y == b", "a b", "", "row.a as fn(x) -> y == row.b"),
    ("a as <t as u>::v + b", "a b", "", "row.a as <t as u>::v + row.b"),
    ("xs.map(|x: kind| x + a)", "xs a", "", "row.xs.map(|x: kind| x + row.a)"),
    (
        "xs.map(|x: map<k, v>, y| -> kind { x + y + a })",
        "xs a",
        "",
        "row.xs.map(|x: map<k, v>, y| -> kind { x + y + row.a })",
    ),
    (
        "if a { let x: &dyn k<v> = b; x } else { x }",
        "a b x",
        "",
        "if row.a { let x: &dyn k<v> = row.b; x } else { row.x }",
    ),
    (
        "if a { let x: Box<dyn k + v>= b; x } else { c }",
        "a b c",
        "",
        "if row.a { let x: Box<dyn k + v>= row.b; x } else { row.c }",
    ),
];

const STRUCT_LITERALS: &[Line] = &[
    ("Point { lat, lon: x }", "lat x", "", "Point { lat: row.lat, lon: row.x }"),
    (
        "Point { lat: location.lat, lon: f(x), }",
        "location.lat x",
        "",
        "Point { lat: row.location.lat, lon: f(row.x), }",
    ),
    ("geo::point { lat, ..base }", "lat base", "", "geo::point { lat: row.lat, ..row.base }"),
    ("Self { unknown, X, lat }", "lat", "", "Self { unknown, X, lat: row.lat }"),
    ("Point { #[cfg(a)] lat, 0: lon }", "lat lon", "", "Point { #[cfg(a)] lat: row.lat, 0: row.lon }"),
    ("xs.map(|lat| Point { lat, lon })", "xs lon", "", "row.xs.map(|lat| Point { lat, lon: row.lon })"),
    ("a == Point { lat } && b", "a lat b", "", "row.a == Point { lat: row.lat } && row.b"),
    ("Point { lat: {x}, lon: -{y}, ..{z} }", "", "x; y; z", "Point { lat: __cap0, lon: -__cap1, ..__cap2 }"),
    // before a block it is none
    ("if a == MAX { b } else { c }", "a b c", "", "if row.a == MAX { row.b } else { row.c }"),
    ("match MAX { x => x + a }", "a", "", "match MAX { x => x + row.a }"),
    (
        "if (Point { lat } == a) { b } else { c }",
        "lat a b c",
        "",
        "if (Point { lat: row.lat } == row.a) { row.b } else { row.c }",
    ),
];

const CLOSURES: &[Line] = &[
    ("tags.iter().any(|t| t == name)", "tags name", "", "row.tags.iter().any(|t| t == row.name)"),
    ("xs.map(|x| x + a, x)", "xs a x", "", "row.xs.map(|x| x + row.a, row.x)"),
    ("xs.map(|x| { x + a }) + x", "xs a x", "", "row.xs.map(|x| { x + row.a }) + row.x"),
    ("f(|| a, b)", "a b", "", "f(|| row.a, row.b)"),
    ("f(|| { a })", "a", "", "f(|| { row.a })"),
    ("f(|| {x} + a)", "x a", "", "f(|| {row.x} + row.a)"),
    ("f(move |x| x + a)", "a", "", "f(move |x| x + row.a)"),
    ("f(async |x| x + a)", "a", "", "f(async |x| x + row.a)"),
    ("f(async move |x| { x + a })", "a", "", "f(async move |x| { x + row.a })"),
    ("f(async move { a })", "a", "", "f(async move { row.a })"),
    ("f(async { a }, unsafe { b })", "a b", "", "f(async { row.a }, unsafe { row.b })"),
    ("f(|(k, v), w| k + v + w + a)", "a", "", "f(|(k, v), w| k + v + w + row.a)"),
    ("f(|&(ref k, mut v)| k + v + a)", "a", "", "f(|&(ref k, mut v)| k + v + row.a)"),
    ("f(|Point { lat, lon: x, .. }| lat + x + lon)", "lon", "", "f(|Point { lat, lon: x, .. }| lat + x + row.lon)"),
    (
        "f(|[first, .., rest @ ..]: &[u8]| first + rest + a)",
        "a",
        "",
        "f(|[first, .., rest @ ..]: &[u8]| first + rest + row.a)",
    ),
    ("f(|x: (k, v)| x + k)", "k", "", "f(|x: (k, v)| x + row.k)"),
    ("f(|x| |y| x + y + z, x)", "z x", "", "f(|x| |y| x + y + row.z, row.x)"),
    ("f(|r#a| a + r#a + b)", "b", "", "f(|r#a| a + r#a + row.b)"),
    ("f(|_| a)", "a", "", "f(|_| row.a)"),
    ("f(for<'a> |x: &'a str| x == a)", "a", "", "f(for<'a> |x: &'a str| x == row.a)"),
    ("xs.any(|x| matches!(x, Some(y) if y > z))", "xs z", "", "row.xs.any(|x| matches!(x, Some(y) if y > row.z))"),
    ("f(|x| x || a || x)", "a", "", "f(|x| x || row.a || x)"),
    ("a || f(|b| b) || b", "a b", "", "row.a || f(|b| b) || row.b"),
];

const IF_WHILE_FOR_LET: &[Line] = &[
    ("if a > 1 { b } else { c }", "a b c", "", "if row.a > 1 { row.b } else { row.c }"),
    (
        "if a { b } else if c { d } else { e }",
        "a b c d e",
        "",
        "if row.a { row.b } else if row.c { row.d } else { row.e }",
    ),
    ("if a { b } else { c } + d", "a b c d", "", "if row.a { row.b } else { row.c } + row.d"),
    ("if let Some(x) = country { x } else { x }", "country x", "", "if let Some(x) = row.country { x } else { row.x }"),
    (
        "if let Some(x) = x && x > a && let Ok(y) = x { y } else { y }",
        "x a y",
        "",
        "if let Some(x) = row.x && x > row.a && let Ok(y) = x { y } else { row.y }",
    ),
    (
        "if let A(x) | B(x, _) = a { x } else if let y = x { y } else { y }",
        "a x y",
        "",
        "if let A(x) | B(x, _) = row.a { x } else if let y = row.x { y } else { row.y }",
    ),
    ("if let 1..=9 = a { b } else { c }", "a b c", "", "if let 1..=9 = row.a { row.b } else { row.c }"),
    (
        "if let x @ m::MIN..=m::MAX = a { x } else { c }",
        "a c",
        "",
        "if let x @ m::MIN..=m::MAX = row.a { x } else { row.c }",
    ),
    (
        "if a { while let Some(x) = b.next() { c += x; } x } else { d }",
        "a b c x d",
        "",
        "if row.a { while let Some(x) = row.b.next() { row.c += x; } row.x } else { row.d }",
    ),
    (
        "f(|| { for (i, x) in xs.iter() { g(i, x, a) } i })",
        "xs a i",
        "",
        "f(|| { for (i, x) in row.xs.iter() { g(i, x, row.a) } row.i })",
    ),
    ("f(|| for x in x { x })", "x", "", "f(|| for x in row.x { x })"),
    ("f(|| { for i in 0..{n} { i + a } })", "a", "n", "f(|| { for i in 0..__cap0 { i + row.a } })"),
    ("f(|| { for i in {xs} { i } })", "", "xs", "f(|| { for i in __cap0 { i } })"),
    ("f(|| { let a = a + 1; a }, a)", "a a", "", "f(|| { let a = row.a + 1; a }, row.a)"),
    (
        "f(|| { let (x, Point { y, .. }): (k, v) = a; x + y })",
        "a",
        "",
        "f(|| { let (x, Point { y, .. }): (k, v) = row.a; x + y })",
    ),
    (
        "f(|| { let Some(x) = a else { return x }; x })",
        "a x",
        "",
        "f(|| { let Some(x) = row.a else { return row.x }; x })",
    ),
    ("f(|| { let x; x = a; x })", "a", "", "f(|| { let x; x = row.a; x })"),
    ("f(|| { { let x = a; x } x })", "a x", "", "f(|| { { let x = row.a; x } row.x })"),
    ("f(|| { if a { b } (x) })", "a b x", "", "f(|| { if row.a { row.b } (row.x) })"),
    ("f(|| { if a { b } |x| x + c })", "a b c", "", "f(|| { if row.a { row.b } |x| x + row.c })"),
    ("f(|| { match a { _ => b }.len() + c })", "a b c", "", "f(|| { match row.a { _ => row.b }.len() + row.c })"),
    ("f(|| { 'outer: loop { break 'outer a; } })", "a", "", "f(|| { 'outer: loop { break 'outer row.a; } })"),
    ("f('done: { if a { break 'done b; } c })", "a b c", "", "f('done: { if row.a { break 'done row.b; } row.c })"),
    (
        "f(|| { fn g(x: u8) -> u8 { x + a } const N: u8 = b; use m::{c}; g(d) })",
        "d",
        "",
        "f(|| { fn g(x: u8) -> u8 { x + a } const N: u8 = b; use m::{c}; g(row.d) })",
    ),
    (
        "f(|| { macro_rules! m { ($x:expr) => { a } } b })",
        "b",
        "",
        "f(|| { macro_rules! m { ($x:expr) => { a } } row.b })",
    ),
];

const MATCH: &[Line] = &[
    (
        "match status { Status::Ok => a, _ => b }",
        "status a b",
        "",
        "match row.status { Status::Ok => row.a, _ => row.b }",
    ),
    ("match a { x => x, y => x }", "a x", "", "match row.a { x => x, y => row.x }"),
    (
        "match a { Some(x) if x > limit => x, None | Some(_) => x }",
        "a limit x",
        "",
        "match row.a { Some(x) if x > row.limit => x, None | Some(_) => row.x }",
    ),
    (
        "match a { | A(x) | B { x } | C { y: x, .. } => x + y }",
        "a y",
        "",
        "match row.a { | A(x) | B { x } | C { y: x, .. } => x + row.y }",
    ),
    (
        "match a { Some(x) => { x + b } None => { x } }",
        "a b x",
        "",
        "match row.a { Some(x) => { x + row.b } None => { row.x } }",
    ),
    (
        "match a { A => {x} B => if b { c } else { d } y => y }",
        "a x b c d",
        "",
        "match row.a { A => {row.x} B => if row.b { row.c } else { row.d } y => y }",
    ),
    (
        "match a { A => match b { x => x } y => y + x }",
        "a b x",
        "",
        "match row.a { A => match row.b { x => x } y => y + row.x }",
    ),
    (
        "match (a, b) { (x, 1..=9) => x, (-1, m::y) => y }",
        "a b y",
        "",
        "match (row.a, row.b) { (x, 1..=9) => x, (-1, m::y) => row.y }",
    ),
    (
        "match a { x if let Some(y) = x && y > b => y, _ => y }",
        "a b y",
        "",
        "match row.a { x if let Some(y) = x && y > row.b => y, _ => row.y }",
    ),
    ("match a { x if x == Point { lat } => x }", "a lat", "", "match row.a { x if x == Point { lat: row.lat } => x }"),
    ("match a { #[cfg(b)] x => x }", "a", "", "match row.a { #[cfg(b)] x => x }"),
    ("match a { _ => |x| x + b, y => x }", "a b x", "", "match row.a { _ => |x| x + row.b, y => row.x }"),
    ("match a.b { _ => c }.max(d) + x", "a.b c d x", "", "match row.a.b { _ => row.c }.max(row.d) + row.x"),
];

const ESCAPES: &[Line] = &[
    ("{x}", "", "x", "__cap0"),
    ("temperature > {threshold}", "temperature", "threshold", "row.temperature > __cap0"),
    ("{allowed}.contains(country)", "country", "allowed", "__cap0.contains(row.country)"),
    ("{x} + {x}", "", "x; x", "__cap0 + __cap1"),
    ("f({x}, [{y}, {z}])", "", "x; y; z", "f(__cap0, [__cap1, __cap2])"),
    ("a == {let x = 1; x + {2}}", "a", "let x = 1; x + {2}", "row.a == __cap0"),
    ("&{x}[a]", "a", "x", "&__cap0[row.a]"),
    ("&mut {x}", "", "x", "&mut __cap0"),
    ("!{x} && -{y} < *{z}", "", "x; y; z", "!__cap0 && -__cap1 < *__cap2"),
    ("{lo}..{hi}", "", "lo; hi", "__cap0..__cap1"),
    ("{lo}..={hi}", "", "lo; hi", "__cap0..=__cap1"),
    ("{x} as f64 / a", "a", "x", "__cap0 as f64 / row.a"),
    ("if {x} { a } else { b }", "a b", "x", "if __cap0 { row.a } else { row.b }"),
    ("if a > {x} { a } else { b }", "a a b", "x", "if row.a > __cap0 { row.a } else { row.b }"),
    ("match {x} { y => y + a }", "a", "x", "match __cap0 { y => y + row.a }"),
    ("f(|| { while {x} { a } })", "a", "x", "f(|| { while __cap0 { row.a } })"),
    ("f(|| { return {x}; })", "", "x", "f(|| { return __cap0; })"),
    ("f(|| { let y = {x}; y + a })", "a", "x", "f(|| { let y = __cap0; y + row.a })"),
    ("if let Some(y) = {x} { y } else { a }", "a", "x", "if let Some(y) = __cap0 { y } else { row.a }"),
    ("f(|x| {x} + y)", "y", "", "f(|x| {x} + row.y)"),
    // the first token of a block is no operand of the expression around it
    ("if a { {x} } else { ({x}) }", "a x", "x", "if row.a { {row.x} } else { (__cap0) }"),
    ("f(|| { a; {x} })", "a x", "", "f(|| { row.a; {row.x} })"),
    ("a || {x}", "a", "x", "row.a || __cap0"),
    ("xs[{i}]", "xs", "i", "row.xs[__cap0]"),
];

const MACROS: &[Line] = &[
    (r#"format!("{country}")"#, "country", "", r#"format!("{country}", country = row.country)"#),
    (
        r#"format!("{a:?} {b:>8} {a} {0}", c)"#,
        "c a b",
        "",
        r#"format!("{a:?} {b:>8} {a} {0}", row.c, a = row.a, b = row.b)"#,
    ),
    (r#"format!("{a}", )"#, "a", "", r#"format!("{a}", a = row.a)"#),
    (r#"format!("{{a}} {} {:?}", a.b, c)"#, "a.b c", "", r#"format!("{{a}} {} {:?}", row.a.b, row.c)"#),
    (r#"format!("{{{a}}}")"#, "a", "", r#"format!("{{{a}}}", a = row.a)"#),
    (
        r#"format!("{:width$.prec$} {a:0w$}", b)"#,
        "b width prec a w",
        "",
        r#"format!("{:width$.prec$} {a:0w$}", row.b, width = row.width, prec = row.prec, a = row.a, w = row.w)"#,
    ),
    (r#"format!("{:.*} {:1$}", a, b)"#, "a b", "", r#"format!("{:.*} {:1$}", row.a, row.b)"#),
    (r#"format!("{x} {y}", x = a)"#, "a y", "", r#"format!("{x} {y}", x = row.a, y = row.y)"#),
    (r#"format!("{x}", x = {x})"#, "", "x", r#"format!("{x}", x = __cap0)"#),
    (
        r#"format!("{type} {self} {X} {unknown}")"#,
        "type",
        "",
        r#"format!("{type} {self} {X} {unknown}", r#type = row.r#type)"#,
    ),
    (r##"format!(r#"{a} \{b}"#)"##, "a b", "", r##"format!(r#"{a} \{b}"#, a = row.a, b = row.b)"##),
    (r#"format!("\u{ab}\"{a}")"#, "a", "", r#"format!("\u{ab}\"{a}", a = row.a)"#),
    (r#"format!("{a b} {a.b} { a } {} {")"#, "a", "", r#"format!("{a b} {a.b} { a } {} {", a = row.a)"#),
    (r#"xs.map(|x| format!("{x}-{a}"))"#, "xs a", "", r#"row.xs.map(|x| format!("{x}-{a}", a = row.a))"#),
    (r#"std::format!("{a}") == b"#, "a b", "", r#"std::format!("{a}", a = row.a) == row.b"#),
    (
        r#"f(|| { println!("{a}"); write!(w, "{b}") })"#,
        "a w b",
        "",
        r#"f(|| { println!("{a}", a = row.a); write!(row.w, "{b}", b = row.b) })"#,
    ),
    (r#"assert!(a == "{b}", "{b}")"#, "a b", "", r#"assert!(row.a == "{b}", "{b}", b = row.b)"#),
    (r#"assert_eq!("{a}", b, "{c}")"#, "b c", "", r#"assert_eq!("{a}", row.b, "{c}", c = row.c)"#),
    (r#"format!("{}", a == b)"#, "a b", "", r#"format!("{}", row.a == row.b)"#),
    ("format!", "", "", ""),
    ("matches!(status, Status::Ok)", "status", "", "matches!(row.status, Status::Ok)"),
    ("matches!(a, Some(x) if x > b) && x", "a b x", "", "matches!(row.a, Some(x) if x > row.b) && row.x"),
    ("matches!(a.b, 1 | 2..=9 | lo,)", "a.b", "", "matches!(row.a.b, 1 | 2..=9 | lo,)"),
    ("matches!({x}, P { y, z: w } if y + w == z)", "z", "x", "matches!(__cap0, P { y, z: w } if y + w == row.z)"),
    ("matches!((a, b), (x, y) if x == {c} || y)", "a b", "c", "matches!((row.a, row.b), (x, y) if x == __cap0 || y)"),
    ("vec![a, b.c]", "a b.c", "", "vec![row.a, row.b.c]"),
    ("vec![a; {n}]", "a", "n", "vec![row.a; __cap0]"),
    ("dbg!(a) + m::mac! { b }", "a b", "", "dbg!(row.a) + m::mac! { row.b }"),
    (r#"concat!("{a}")"#, "", "", ""),
];

/// Not Rust, as it stands while it is typed, and dialects of others. The names must stay.
const BROKEN: &[Line] = &[
    ("price.", "price", "", "row.price."),
    ("price. && b", "price b", "", "row.price. && row.b"),
    ("a >", "a", "", "row.a >"),
    ("a and b", "a and b", "", "row.a row.and row.b"),
    ("a else { b }", "a b", "", "row.a else { row.b }"),
    ("a => {b}", "a b", "", "row.a => {row.b}"),
    ("name.parse::<f64", "name", "", "row.name.parse::<f64"),
    ("if a", "a", "", "if row.a"),
    ("match a { x }", "a", "", "match row.a { x }"),
    ("if let { a }", "a", "", "if let { row.a }"),
    ("xs.any(|x)", "xs", "", "row.xs.any(|x)"),
    ("a as", "a", "", "row.a as"),
    ("a {b}", "a b", "", "row.a {row.b}"),
    ("", "", "", ""),
];

const TABLE: [&[Line]; 11] = [
    BARE_NAMES,
    OPERATORS,
    FIELDS_CALLS_AND_PATHS,
    TYPES,
    STRUCT_LITERALS,
    CLOSURES,
    IF_WHILE_FOR_LET,
    MATCH,
    ESCAPES,
    MACROS,
    BROKEN,
];

#[test]
fn every_line_of_the_table() {
    let mut wrong = Vec::new();
    for &(expr, columns, captures, expansion) in lines() {
        let walk = walk_all(tokens(expr), &mut 0);
        let used: Vec<_> = walk.used.iter().map(|used| used.path.join(".")).collect();
        let captured: Vec<_> = walk.captures.iter().map(|capture| capture.tokens.to_string()).collect();
        let captured = captured.join("; ");
        let expansion = if expansion.is_empty() { expr } else { expansion };
        let used = used.join(" ");
        if used != columns || text(&captured) != text(captures) || text(&walk.tokens.to_string()) != text(expansion) {
            wrong.push(format!("{expr}\n    {used}\n    {captured}\n    {}", walk.tokens));
        }
    }
    assert!(wrong.is_empty(), "{} lines\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_complete_line_expands_to_an_expression() {
    for &(expr, ..) in lines().filter(|line| !BROKEN.contains(line)) {
        let tokens = tokens(expr);
        if syn::parse2::<syn::Expr>(tokens.clone()).is_ok() {
            let expanded = walk_all(tokens, &mut 0).tokens;
            assert!(syn::parse2::<syn::Expr>(expanded.clone()).is_ok(), "{expr}\n{expanded}");
        }
    }
}

#[test]
fn every_line_cut_anywhere_keeps_its_names() {
    for &(expr, ..) in lines() {
        for cut in cuts(&tokens(expr)) {
            let before = idents(cut.clone());
            let walk = walk_all(cut, &mut 0);
            let mut after = idents(walk.tokens);
            after.extend(walk.captures.into_iter().flat_map(|capture| idents(capture.tokens)));
            for ident in before {
                assert!(after.contains(&ident), "{expr}: `{ident}` is lost");
            }
        }
    }
}

#[test]
fn captures_are_numbered_over_the_pipeline() {
    let mut next = 3;
    let first = walk_all(quote!({ x } + { y }), &mut next);
    let second = walk_all(quote!(a > { x }), &mut next);
    let idents = first.captures.iter().chain(&second.captures).map(|capture| capture.ident.to_string());
    assert_eq!(idents.collect::<Vec<_>>(), ["__cap3", "__cap4", "__cap5"]);
    assert_eq!(next, 6);
}

#[test]
fn resolve_sees_each_column_once_and_the_rest_never() {
    let mut seen = Vec::new();
    let mut resolve = |ident: &Ident| {
        seen.push(ident.to_string());
        None
    };
    let walk = walk(quote!(f(a).b(c, |d| d + T::e + 1 as f64)), &mut resolve, &mut 0);
    assert_eq!(seen, ["a", "c"]);
    assert!(walk.used.is_empty());
}

fn lines() -> impl Iterator<Item = &'static Line> {
    TABLE.into_iter().flatten()
}

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn walk_all(tokens: TokenStream, next_capture: &mut usize) -> Walk {
    let mut resolve = |ident: &Ident| (ident != "unknown").then(|| quote!(row.#ident));
    walk(tokens, &mut resolve, next_capture)
}

/// The text without its spaces: those follow the spacing of tokens and say nothing here.
fn text(source: &str) -> String {
    source.chars().filter(|ch| !ch.is_whitespace()).collect()
}

fn idents(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => found.extend(idents(group.stream())),
            _ => {}
        }
    }
    found
}

/// The text up to each of its tokens, at every depth, with the groups that are open there closed.
fn cuts(tokens: &TokenStream) -> Vec<TokenStream> {
    let mut cuts = vec![TokenStream::new()];
    let mut before = TokenStream::new();
    for token in tokens.clone() {
        if let TokenTree::Group(group) = &token {
            for inner in self::cuts(&group.stream()) {
                let mut cut = before.clone();
                cut.extend([TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inner))]);
                cuts.push(cut);
            }
        }
        before.extend([token]);
        cuts.push(before.clone());
    }
    cuts
}
