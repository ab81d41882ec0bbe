//! Times as people read them: the system counts milliseconds since 1970 UTC.

use std::time::{Duration, SystemTime};

/// The moment as RFC 3339; a hyphen for a time that never was.
pub fn rfc3339(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "-".to_owned();
    }
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)) {
        // The formatter knows the years up to 9999.
        Some(time) if milliseconds < 253_402_300_800_000 => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => milliseconds.to_string(),
    }
}

/// How long ago the moment was, in its largest unit: `5s`, `3m`, `7h`, `12d`.
pub fn age(milliseconds: u64, now: SystemTime) -> String {
    if milliseconds == 0 {
        return "-".to_owned();
    }
    let then = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    // A clock that runs ahead of ours makes things seem to come from the future: they are new.
    let seconds = then
        .and_then(|then| now.duration_since(then).ok())
        .map_or(0, |age| age.as_secs());
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Reads a duration as people write it: `90s`, `10m`, `1h 30m`, or a bare number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}: write 90s, 10m or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_printed_as_rfc_3339() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(0), "-");
        assert_eq!(rfc3339(u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn an_age_has_one_unit() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ago = |seconds: u64| age((1_000_000 - seconds) * 1_000, now);
        assert_eq!(
            [ago(5), ago(119), ago(300), ago(9_000), ago(900_000)],
            ["5s", "119s", "5m", "2h", "10d"]
        );
        assert_eq!(age(2_000_000_000, now), "0s");
    }

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert!(duration("soon").unwrap_err().contains("10m"));
    }
}
