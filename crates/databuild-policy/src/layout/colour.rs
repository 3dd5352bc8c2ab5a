//! The colours of terminals that patterns may ask for, as SGR parameters.

use databuild_model::level::Level;

/// The parameter of the colour called `word`.
pub(super) fn named(word: &str) -> Option<&'static str> {
    Some(match word {
        "black" => "30",
        "red" => "31",
        "green" => "32",
        "yellow" => "33",
        "blue" => "34",
        "magenta" => "35",
        "cyan" => "36",
        "white" => "37",
        "gray" | "boldBlack" => "1;30",
        "boldRed" => "1;31",
        "boldGreen" => "1;32",
        "boldYellow" => "1;33",
        "boldBlue" => "1;34",
        "boldMagenta" => "1;35",
        "boldCyan" => "1;36",
        "boldWhite" => "1;37",
        _ => return None,
    })
}

/// The colour of `%highlight`.
pub(super) fn of_level(level: Level) -> &'static str {
    match level {
        Level::Fatal | Level::Error => "1;31",
        Level::Warn => "31",
        Level::Info => "34",
        Level::Debug | Level::Trace => "39",
    }
}
