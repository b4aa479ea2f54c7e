//! The reactor's two clocks: the one that machines wait for, and the one that they show.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use papo_proto::time::{Time, Wall};

/// The wall clock is told anew when it moved further than this against the monotonic one.
const WALL_JUMP_MAX: Duration = Duration::from_secs(1);

/// Monotonic time since the reactor was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::after_start(self.start.elapsed())
    }
}

/// The system's wall clock; a time before 1970 counts as 1970.
pub(crate) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Tells when the wall clock jumped: it was set, or the machine slept.
#[derive(Debug, Default)]
pub(crate) struct WallWatch {
    told: Option<(Time, Wall)>,
}

impl WallWatch {
    /// The wall time, if it is to be told: at first, and when it moved against `now` since it was told.
    pub(crate) fn check(&mut self, now: Time, wall: Wall) -> Option<Wall> {
        if let Some((told_at, told)) = self.told {
            let expected = told.plus(now.since(told_at));
            if u128::from(expected.0.abs_diff(wall.0)) <= WALL_JUMP_MAX.as_millis() {
                return None;
            }
        }
        self.told = Some((now, wall));
        Some(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_told_at_first_and_when_it_jumps_either_way() {
        let at = |secs| Time::after_start(Duration::from_secs(secs));
        let mut watch = WallWatch::default();
        assert_eq!(watch.check(at(0), Wall(50_000)), Some(Wall(50_000)));
        assert_eq!(watch.check(at(10), Wall(60_000)), None);
        assert_eq!(watch.check(at(20), Wall(71_000)), None, "a second of drift is no jump");
        assert_eq!(watch.check(at(20), Wall(71_001)), Some(Wall(71_001)));
        assert_eq!(watch.check(at(21), Wall(72_001)), None, "it is measured from what was told last");
        assert_eq!(watch.check(at(22), Wall(10)), Some(Wall(10)));
    }
}
