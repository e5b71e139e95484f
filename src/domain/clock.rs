//! How far the clocks of several bots may be apart: by what is written and by what is proved.

use chrono::TimeDelta;

/// A bot whose clock is further behind the newest commit writes nothing, and a commit that is dated earlier than the
/// one that it follows by more than this is not the bot's.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);
