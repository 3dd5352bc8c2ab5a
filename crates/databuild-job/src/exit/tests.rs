//! The table of ends.

use super::outcome;
use crate::lifecycle::{Exit, Stop, StopSignal};
use databuild_model::cause::Cause;

#[test]
fn every_end_has_its_cause_and_its_code() {
    let term = Some(Stop::Cancelled(StopSignal::Terminate));
    let table = [
        (Some(Exit::Code(0)), None, false, Cause::Success, 0),
        (Some(Exit::Code(3)), None, false, Cause::Exit, 3),
        (Some(Exit::Code(3)), None, true, Cause::Exit, 3),
        (Some(Exit::Signal(11)), None, false, Cause::Signal, 139),
        (Some(Exit::Signal(9)), None, false, Cause::Signal, 137),
        (Some(Exit::Signal(9)), None, true, Cause::Oom, 137),
        (Some(Exit::Code(137)), None, true, Cause::Oom, 137),
        (Some(Exit::Code(137)), None, false, Cause::Exit, 137),
        (Some(Exit::Signal(15)), term, false, Cause::Cancelled, 143),
        (Some(Exit::Code(0)), term, false, Cause::Cancelled, 143),
        (Some(Exit::Code(7)), term, false, Cause::Cancelled, 7),
        (Some(Exit::Code(0)), Some(Stop::Timeout), false, Cause::Timeout, 124),
        (None, Some(Stop::Timeout), false, Cause::Timeout, 124),
        (Some(Exit::Unknown), None, false, Cause::WrapperLost, 125),
        (Some(Exit::Unknown), term, false, Cause::Cancelled, 125),
        (Some(Exit::Code(0)), Some(Stop::OutputLost), false, Cause::Cancelled, 125),
    ];
    for (exit, stop, oom, cause, code) in table {
        let found = outcome(exit, stop, oom);
        assert_eq!((found.cause, found.wrapper_code), (cause, code), "{exit:?} {stop:?} {oom}");
    }
}
