//! Caps of the metrics, each with its reason.

/// Most series of one family before new ones fold into `__other__`.
///
/// A family has one series per job and a handful of results; two thousand is room for the largest
/// project that was looked at, and little enough that a dashboard of one family still draws.
pub const SERIES_PER_FAMILY_MAX: usize = 2_000;

/// Most series in all; histograms count one series a bucket. A job that succeeds and fails makes some
/// sixty, so this is room for five hundred jobs, and a scrape takes three milliseconds.
pub const SERIES_MAX: usize = 30_000;

/// Longest label value; longer ones are cut. Values are names that people chose.
pub const LABEL_VALUE_BYTES_MAX: usize = 256;

/// Most names of reported measurements that are told apart.
pub const REPORTED_NAMES_MAX: usize = 200;

/// Most (job, label) pairs remembered to say who caused a dropped label or an overflow.
pub const CULPRITS_MAX: usize = 100;

/// Most values of an allowed label before further ones become `__other__`. Labels that are worth a
/// place on a dashboard have a handful.
pub const LABEL_VALUES_MAX: usize = 50;

/// Longest run id that becomes an exemplar: `OpenMetrics` allows 128 characters of names and values.
pub const EXEMPLAR_ID_BYTES_MAX: usize = 128 - "job_run_id".len();
