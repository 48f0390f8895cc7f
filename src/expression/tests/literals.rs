//! Literals, strings of every sort, interpolation and its formats.

use super::check;

#[test]
fn numbers_have_the_type_of_their_suffix() {
    check(&[
        ("42", "42"),
        ("-42", "-42"),
        ("2147483647", "2147483647"),
        ("2147483648", "2147483648L"),
        ("-2147483648", "-2147483648"),
        ("9223372036854775807", "9223372036854775807L"),
        ("5L", "5L"),
        ("5u", "5"),
        ("5UL", "5L"),
        ("1_000_000", "1000000"),
        ("0xFF", "255"),
        ("0xFF_FF", "65535"),
        ("0b1010", "10"),
        ("1.5", "1.5d"),
        (".5", "0.5d"),
        ("1e3", "1000d"),
        ("1.5e-3", "0.0015d"),
        ("2d", "2d"),
        ("2f", "2d"),
        ("2.50m", "2.50m"),
        ("10m", "10m"),
        ("1.ToString()", "'1'"),
        ("1.5.ToString()", "'1.5'"),
    ]);
}

#[test]
fn text_is_read_as_csharp_reads_it() {
    check(&[
        (r#""abc""#, "'abc'"),
        (r#""""#, "''"),
        (r#""a\"b""#, "'a\"b'"),
        (r#""tab\there""#, "'tab\there'"),
        (r#""a\\b""#, r"'a\b'"),
        (r#""\u0041\x42\U00000043""#, "'ABC'"),
        (r#""\uD83D\uDE00""#, "'\u{1f600}'"),
        (r#""\0".Length"#, "1"),
        (r#"@"C:\dir\n""#, r"'C:\dir\n'"),
        (r#"@"say ""hi""""#, "'say \"hi\"'"),
        ("@\"two\nlines\"", "'two\nlines'"),
        ("'a'", "c'a'"),
        (r"'\''", "c'''"),
        (r"'\n'.ToString()", "'\n'"),
        ("'\"'", "c'\"'"),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        (r#"nameof(context.Request)"#, "'Request'"),
        ("default(int)", "0"),
        ("default(string)", "null"),
        ("default(bool)", "false"),
        ("/* a comment */ 1 // and another\n + 1", "2"),
    ]);
}

#[test]
fn interpolation_formats_what_it_holds() {
    check(&[
        (r#"$"{1}+{2}={1+2}""#, "'1+2=3'"),
        (r#"$"{{{1}}}""#, "'{1}'"),
        (r#"$"{"nested"}!""#, "'nested!'"),
        (r#"$"{$"{1}"}{$"{2}"}""#, "'12'"),
        (r#"$"{(true ? "a" : "b")}""#, "'a'"),
        (r#"$"[{1,4}][{1,-4}]""#, "'[   1][1   ]'"),
        (r#"$"{255:X}|{255:x4}|{5:D3}""#, "'FF|00ff|005'"),
        (r#"$"{1234.5:N2}|{1234.5:F1}|{0.256:P1}""#, "'1,234.50|1234.5|25.6 %'"),
        (r#"$"{12345.678,12:0.00}|""#, "'    12345.68|'"),
        (r##"$"{7:000}|{1234567:#,##0}|{0.5:0.##}""##, "'007|1,234,567|0.5'"),
        (r#"$"{null}|{""}|""#, "'||'"),
        (r#"$"{true}{'c'}{1.0}""#, "'Truec1'"),
        (r#"$@"C:\{1}\""x""""#, r#"'C:\1\"x"'"#),
        (r#"@$"\{1}""#, r"'\1'"),
        (r#"$"{new DateTime(2024, 3, 9):yyyy-MM-dd}""#, "'2024-03-09'"),
        (r#"$"{new DateTime(2024, 3, 9, 14, 5, 6):HH:mm:ss}""#, "'14:05:06'"),
        (r#"$"{new Dictionary<string, int> { { "a", 1 } }["a"]}""#, "'1'"),
        (r#"$"a{string.Empty}b""#, "'ab'"),
    ]);
}

#[test]
fn numbers_print_as_dotnet_prints_them() {
    check(&[
        ("(0.1 + 0.2).ToString()", "'0.30000000000000004'"),
        ("(1.0 / 3).ToString()", "'0.3333333333333333'"),
        ("100.0.ToString()", "'100'"),
        ("1e15.ToString()", "'1E+15'"),
        ("123456789012345.0.ToString()", "'123456789012345'"),
        ("1e-5.ToString()", "'1E-05'"),
        ("0.0001.ToString()", "'0.0001'"),
        ("(1.0 / 0).ToString()", "'Infinity'"),
        ("(0.0 / 0).ToString()", "'NaN'"),
        ("(-1.0 / 0).ToString()", "'-Infinity'"),
        ("1.10m.ToString()", "'1.10'"),
        (r#"1234.5678.ToString("F2")"#, "'1234.57'"),
        (r#"1234.5678.ToString("N")"#, "'1,234.57'"),
        (r#"1234.5678.ToString("0.0")"#, "'1234.6'"),
        (r#"5.ToString("D8")"#, "'00000005'"),
        (r#"(-5).ToString("D3")"#, "'-005'"),
        (r#"255.ToString("X2")"#, "'FF'"),
        (r#"1234.5.ToString("E2")"#, "'1.23E+003'"),
        (r#"1234.5.ToString("e3")"#, "'1.235e+003'"),
        (r#"0.1234.ToString("P")"#, "'12.34 %'"),
        (r#"12.ToString("C")"#, "'\u{a4}12.00'"),
        (r#"2.5.ToString("F0")"#, "'3'"),
        (r#"5.ToString(System.Globalization.CultureInfo.InvariantCulture)"#, "'5'"),
        (r##"1234567.891.ToString("#,0.00")"##, "'1,234,567.89'"),
        (r#"(-1.5).ToString("0.00;(0.00)")"#, "'(1.50)'"),
        (r#"0.ToString("0;-0;zero")"#, "'zero'"),
        (r#"0.5.ToString("0%")"#, "'50%'"),
        (r#"true.ToString()"#, "'True'"),
        ("true.ToString().ToLower()", "'true'"),
        ("(5 == 5).ToString()", "'True'"),
        (r#"1.ToString("Q")"#, "!FormatException"),
    ]);
}
