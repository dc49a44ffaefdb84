//! What is said on standard error: plain lines for people, or one JSON object a line.

use std::io::Write;

use crate::settings::LogFormat;

/// How to speak.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// Lines or JSON objects.
    pub format: LogFormat,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Only errors.
    pub quiet: bool,
}

impl Console {
    /// Says that something went wrong. Never silenced.
    pub fn error(&self, message: &str) {
        self.say("ERROR", "error: ", message);
    }

    /// Names one bad manifest row. Never silenced.
    pub(super) fn problem(&self, message: &str) {
        self.say("ERROR", "", message);
    }

    /// Says something that is worth knowing.
    pub(super) fn info(&self, message: &str) {
        if !self.quiet {
            self.say("INFO", "", message);
        }
    }

    fn say(self, level: &str, prefix: &str, message: &str) {
        let line = match self.format {
            LogFormat::Text => format!("{prefix}{message}\n"),
            LogFormat::Json => {
                let at = jiff::Timestamp::now().to_string();
                format!("{}\n", serde_json::json!({ "at": at, "level": level, "message": message }))
            }
        };
        // Standard error may be closed; there is nowhere left to say so.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}
