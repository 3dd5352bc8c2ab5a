//! The paths of events, remembered by what decides between them, so that they are rendered once and not for
//! each event.

use super::open::Handle;
use crate::limits;
use databuild_policy::layout::LayoutEvent;
use databuild_policy::route::path::PathTemplate;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Paths that were met lately, by numbers that stay as long as nothing is forgotten.
pub(super) struct Paths {
    template: PathTemplate,
    key: Vec<u8>,
    numbers: HashMap<Box<[u8]>, usize, Seed>,
    places: Vec<Place>,
    /// What was found last, by where the texts of the path were.
    found: Vec<Found>,
    batch: u64,
}

/// Where texts are and how long they are.
type Spots = [(usize, usize); TEXTS_MAX];

/// Texts of a path, by where they were in a batch: all texts of a batch are there at the same time, so that
/// within it what is at the same spot is the same. In another batch it may be another text.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    batch: u64,
    spots: Spots,
    number: usize,
}

/// Fields of a path of which it is remembered where they are: few paths have more.
const TEXTS_MAX: usize = 3;

/// The logarithm of how many are remembered: most batches have events of fewer files.
const FOUND_BITS: u32 = 8;

/// Where a file is, and by which handle it was open when it was last written.
pub(super) struct Place {
    /// As a sink has it: behind the base.
    pub(super) path: String,
    pub(super) handle: Option<Handle>,
    /// The texts that decided on it, if they are few.
    texts: Option<[Box<str>; TEXTS_MAX]>,
}

impl Paths {
    pub(super) fn new(template: PathTemplate) -> Paths {
        let seed = Seed(RandomState::new().hash_one(0));
        let numbers = HashMap::with_hasher(seed);
        let found = vec![Found::default(); 1 << FOUND_BITS];
        Paths { template, key: Vec::new(), numbers, places: Vec::new(), found, batch: 0 }
    }

    /// Another batch begins. Forgets all if there are many: runs and days come and go.
    pub(super) fn begin(&mut self) {
        self.batch += 1;
        if limits::PATHS_KEPT_MAX < self.places.len() {
            self.numbers.clear();
            self.places.clear();
        }
    }

    /// The number of the path of an event of the batch that was begun last.
    pub(super) fn number(&mut self, event: &LayoutEvent<'_>) -> usize {
        let Some(texts) = self.template.texts::<TEXTS_MAX>(event) else {
            return self.look_up(event, None);
        };
        let spots: Spots = texts.map(|text| (text.as_ptr().addr(), text.len()));
        let at = spread(&spots);
        if let Some(found) = self.found.get_mut(at)
            && found.spots == spots
        {
            if found.batch == self.batch {
                return found.number;
            }
            let known = self.places.get(found.number).and_then(|place| place.texts.as_ref());
            if known.is_some_and(|known| known.iter().zip(texts).all(|(it, text)| **it == *text)) {
                found.batch = self.batch;
                return found.number;
            }
        }
        let number = self.look_up(event, Some(texts));
        if let Some(found) = self.found.get_mut(at) {
            *found = Found { batch: self.batch, spots, number };
        }
        number
    }

    fn look_up(&mut self, event: &LayoutEvent<'_>, texts: Option<[&str; TEXTS_MAX]>) -> usize {
        self.key.clear();
        self.template.key(event, &mut self.key);
        if let Some(number) = self.numbers.get(self.key.as_slice()) {
            return *number;
        }
        let number = self.places.len();
        let mut path = String::new();
        self.template.render(event, &mut path);
        let base = self.template.base().len().min(path.len());
        let texts = texts.map(|texts| texts.map(Box::from));
        self.places.push(Place { path: path.split_off(base), handle: None, texts });
        self.numbers.insert(self.key.as_slice().into(), number);
        number
    }

    pub(super) fn at(&mut self, number: usize) -> Option<&mut Place> {
        self.places.get_mut(number)
    }

    pub(super) fn path(&self, number: usize) -> &str {
        self.places.get(number).map_or("", |place| place.path.as_str())
    }
}

/// Where spots are remembered.
fn spread(spots: &Spots) -> usize {
    let sum = spots
        .iter()
        .fold(0_u64, |sum, (at, _)| (sum ^ *at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    usize::try_from(sum >> (u64::BITS - FOUND_BITS)).unwrap_or_default()
}

/// A number that nobody outside knows, so that no jobs can be called such that their keys meet.
#[derive(Debug, Clone, Copy)]
struct Seed(u64);

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

/// Multiplies words into one another, and folds the halves of each product together.
struct Folded(u64);

impl Folded {
    fn fold(&mut self, word: u64) {
        // Digits of pi, as good as any odd number whose bits are spread.
        const SPREAD: u128 = 0x243f_6a88_85a3_08d3;
        let product = u128::from(self.0 ^ word) * SPREAD;
        let [high, low] = [product >> 64, product & u128::from(u64::MAX)];
        self.0 = u64::try_from(high ^ low).unwrap_or_default();
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.fold(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
        self.fold(u64::from_le_bytes(last));
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = self.0.rotate_left(23) ^ number as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use databuild_model::level::Level;
    use databuild_model::time::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_stands_for_the_path_that_is_rendered(
            events in prop::collection::vec(("[ab/.]{0,3}", "[ab]{0,2}", 0..6_usize, 0..3_i64), 1..40),
        ) {
            for template in ["logs/{app}/{job}.log", "logs/{level}-{date}.{app}", "logs/all.log"] {
                let template = PathTemplate::parse(template).unwrap();
                let mut paths = Paths::new(template.clone());
                let mut spot = String::with_capacity(16);
                for (n, (app, job, level, day)) in events.iter().enumerate() {
                    // Batches of three, whose texts are at spots of their own or of those before.
                    if n % 3 == 0 {
                        paths.begin();
                        spot.clear();
                    }
                    spot.push_str(app);
                    let app = &spot[spot.len() - app.len()..];
                    let time = Timestamp::from_nanos(day * 86_400_000_000_000 - 1);
                    let event = LayoutEvent::saying(time, Level::ALL[*level], "");
                    let event = LayoutEvent { app, job, ..event };
                    let mut expected = String::new();
                    template.render(&event, &mut expected);
                    let number = paths.number(&event);
                    prop_assert_eq!(format!("logs/{}", paths.path(number)), expected);
                }
            }
        }
    }
}
