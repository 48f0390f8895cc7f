//! Dates, spans of time, zones.

use super::check;

#[test]
fn now_is_the_injected_clock() {
    check(&[
        (r#"DateTime.UtcNow.ToString("o")"#, "'2023-11-14T22:13:20.0000000Z'"),
        (r#"DateTimeOffset.UtcNow.ToUnixTimeSeconds()"#, "1700000000L"),
        (r#"DateTimeOffset.Now.ToUnixTimeMilliseconds()"#, "1700000000000L"),
        (r#"DateTime.Now.ToString("yyyy-MM-dd")"#, "'2023-11-14'"),
        (r#"DateTime.UtcNow.ToString()"#, "'11/14/2023 22:13:20'"),
        (r#"DateTime.Today.ToString("s")"#, "'2023-11-14T00:00:00'"),
        (r#"(DateTime.UtcNow - new DateTime(1970, 1, 1)).TotalSeconds"#, "1700000000d"),
        (r#"(int)(DateTime.UtcNow.Subtract(new DateTime(1970, 1, 1))).TotalSeconds"#, "1700000000"),
        (
            r#"(long)DateTime.UtcNow.Subtract(new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalMilliseconds"#,
            "1700000000000L",
        ),
        (r#"context.Timestamp.ToString("R")"#, "'Tue, 14 Nov 2023 22:13:20 GMT'"),
        (r#"DateTime.UtcNow.Ticks"#, "638355968000000000L"),
    ]);
}

#[test]
fn formats() {
    let time = "new DateTime(2024, 3, 9, 14, 5, 6, 78, DateTimeKind.Utc)";
    let rows = [
        ("\"o\"", "'2024-03-09T14:05:06.0780000Z'"),
        ("\"s\"", "'2024-03-09T14:05:06'"),
        ("\"u\"", "'2024-03-09 14:05:06Z'"),
        ("\"r\"", "'Sat, 09 Mar 2024 14:05:06 GMT'"),
        ("\"d\"", "'03/09/2024'"),
        ("\"D\"", "'Saturday, 09 March 2024'"),
        ("\"t\"", "'14:05'"),
        ("\"T\"", "'14:05:06'"),
        ("\"g\"", "'03/09/2024 14:05'"),
        ("\"G\"", "'03/09/2024 14:05:06'"),
        ("\"f\"", "'Saturday, 09 March 2024 14:05'"),
        ("\"F\"", "'Saturday, 09 March 2024 14:05:06'"),
        ("\"M\"", "'March 09'"),
        ("\"Y\"", "'2024 March'"),
        ("\"yyyyMMddHHmmss\"", "'20240309140506'"),
        ("\"yyyy-MM-ddTHH:mm:ss.fffZ\"", "'2024-03-09T14:05:06.078Z'"),
        ("\"ddd, d MMM yyyy h:mm tt\"", "'Sat, 9 Mar 2024 2:05 PM'"),
        ("\"yy M d H m s\"", "'24 3 9 14 5 6'"),
        ("\"dddd 'the' d\"", "'Saturday the 9'"),
        ("\"FFF\"", "'078'"),
        ("\"%d\"", "'9'"),
        ("@\"hh\\hmm\"", "'02h05'"),
        ("\"zzz\"", "'+00:00'"),
        ("\"%K\"", "'Z'"),
        ("\"q\"", "!FormatException"),
    ];
    let rows: Vec<_> = rows.iter().map(|(format, text)| (format!("{time}.ToString({format})"), *text)).collect();
    let rows: Vec<_> = rows.iter().map(|(text, found)| (text.as_str(), *found)).collect();
    check(&rows);
}

#[test]
fn parsing() {
    check(&[
        (r#"DateTime.Parse("2024-03-09").ToString("o")"#, "'2024-03-09T00:00:00.0000000'"),
        (r#"DateTime.Parse("2024-03-09T10:20:30Z").ToString("o")"#, "'2024-03-09T10:20:30.0000000+00:00'"),
        (
            r#"DateTime.Parse("2024-03-09T10:20:30+02:00").ToUniversalTime().ToString("o")"#,
            "'2024-03-09T08:20:30.0000000Z'",
        ),
        (r#"DateTime.Parse("2024-03-09T10:20:30.123").Millisecond"#, "123"),
        (r#"DateTime.Parse("03/09/2024 10:20:30").Month"#, "3"),
        (r#"DateTime.Parse("Sat, 09 Mar 2024 14:05:06 GMT").Hour"#, "14"),
        (r#"DateTime.Parse("0001-01-01T00:00:00Z").Year"#, "1"),
        (r#"DateTime.Parse("9 Mar 2024").Day"#, "9"),
        (r#"DateTime.Parse("March 9, 2024").Day"#, "9"),
        (r#"DateTime.Parse("2024-03-09 2:05 PM").Hour"#, "14"),
        (r#"DateTime.Parse("nonsense")"#, "!FormatException"),
        (r#"DateTime.Parse("2024-13-01")"#, "!FormatException"),
        (r#"DateTime.Parse("2023-02-29")"#, "!FormatException"),
        (r#"DateTime.TryParse("2024-03-09", out var d) ? d.Year : 0"#, "2024"),
        (r#"DateTime.TryParse("x", out DateTime d)"#, "false"),
        (r#"DateTime.ParseExact("20240309", "yyyyMMdd", CultureInfo.InvariantCulture).Day"#, "9"),
        (r#"DateTime.ParseExact("2024-03-09", "yyyyMMdd", null)"#, "!FormatException"),
        (r#"DateTime.ParseExact("09/03/2024 14:05", "dd/MM/yyyy HH:mm", CultureInfo.InvariantCulture).Month"#, "3"),
        (
            r#"DateTime.TryParseExact("1405", "HHmm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var t) ? t.Hour : -1"#,
            "14",
        ),
        (r#"DateTimeOffset.Parse("2024-03-09T10:20:30+02:00").ToString("o")"#, "'2024-03-09T10:20:30.0000000+02:00'"),
        (r#"DateTimeOffset.Parse("2024-03-09T10:20:30+02:00").ToUnixTimeSeconds()"#, "1709972430L"),
        (
            r#"DateTimeOffset.FromUnixTimeSeconds(1700000000).ToString("yyyy-MM-ddTHH:mm:ssZ")"#,
            "'2023-11-14T22:13:20Z'",
        ),
        (r#"DateTimeOffset.FromUnixTimeSeconds(1700000000).UtcDateTime.Hour"#, "22"),
        (r#"Convert.ToDateTime("2024-03-09").Day"#, "9"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        (r#"new DateTime(2024, 1, 31).AddMonths(1).ToString("d")"#, "'02/29/2024'"),
        (r#"new DateTime(2024, 2, 29).AddYears(1).ToString("d")"#, "'02/28/2025'"),
        (r#"new DateTime(2024, 1, 1).AddDays(-1).ToString("d")"#, "'12/31/2023'"),
        (r#"new DateTime(2024, 1, 1).AddHours(1.5).ToString("t")"#, "'01:30'"),
        (r#"new DateTime(2024, 1, 1).AddSeconds(61).ToString("T")"#, "'00:01:01'"),
        (r#"new DateTime(2024, 1, 2) - new DateTime(2024, 1, 1)"#, "1.00:00:00"),
        (r#"(new DateTime(2024, 1, 2) - new DateTime(2024, 1, 1)).TotalHours"#, "24d"),
        (r#"new DateTime(2024, 1, 1) + TimeSpan.FromMinutes(90)"#, "01/01/2024 01:30:00"),
        (r#"new DateTime(2024, 1, 1) < new DateTime(2024, 1, 2)"#, "true"),
        (r#"new DateTime(2024, 3, 9).DayOfWeek.ToString()"#, "'Saturday'"),
        (r#"new DateTime(2024, 3, 9).DayOfYear"#, "69"),
        (r#"new DateTime(2024, 3, 9, 10, 0, 0).Date.ToString("o")"#, "'2024-03-09T00:00:00.0000000'"),
        (r#"DateTime.DaysInMonth(2024, 2)"#, "29"),
        (r#"new DateTime(2024, 13, 1)"#, "!ArgumentOutOfRangeException"),
        (r#"DateTime.MaxValue.AddDays(1)"#, "!ArgumentOutOfRangeException"),
        (r#"TimeSpan.FromSeconds(90).ToString()"#, "'00:01:30'"),
        (r#"TimeSpan.FromDays(1.5).ToString()"#, "'1.12:00:00'"),
        (r#"new TimeSpan(1, 2, 3).TotalSeconds"#, "3723d"),
        (r#"new TimeSpan(1, 2, 3, 4).ToString("c")"#, "'1.02:03:04'"),
        (r#"TimeSpan.FromMilliseconds(1500).ToString()"#, "'00:00:01.5000000'"),
        (r#"TimeSpan.Parse("01:02:03").Minutes"#, "2"),
        (r#"TimeSpan.Parse("1.02:03:04").Days"#, "1"),
        (r#"TimeSpan.Parse("x")"#, "!FormatException"),
        (r#"new TimeSpan(1, 2, 3).ToString(@"hh\:mm")"#, "'01:02'"),
        (r#"TimeSpan.FromHours(1) > TimeSpan.FromMinutes(59)"#, "true"),
        (r#"(TimeSpan.FromHours(1) - TimeSpan.FromMinutes(90)).ToString()"#, "'-00:30:00'"),
        (r#"TimeSpan.FromHours(25).Hours"#, "1"),
        (r#"TimeSpan.Zero.Ticks"#, "0L"),
        (
            r#"TimeZoneInfo.ConvertTimeFromUtc(new DateTime(2024, 7, 1, 12, 0, 0), TimeZoneInfo.FindSystemTimeZoneById("W. Europe Standard Time")).Hour"#,
            "14",
        ),
        (r#"TimeZoneInfo.FindSystemTimeZoneById("Nowhere")"#, "!TimeZoneNotFoundException"),
        (r#"new DateTime(2024, 1, 1).ToUniversalTime().Kind"#, "Utc"),
        (r#"new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(1).ToUnixTimeSeconds()"#, "1704153600L"),
        (r#"new DateTime(621355968000000000).Year"#, "1970"),
    ]);
}
