//! Who, or what, was seen last: an order that follows from the order of seeing alone.

use std::collections::{BTreeMap, BTreeSet};

/// Keys in the order in which they were seen last.
///
/// Invariant: a key stands once.
#[derive(Debug)]
pub struct Recency<K> {
    order: BTreeSet<(u64, K)>,
    places: BTreeMap<K, u64>,
    seen: u64,
}

impl<K> Default for Recency<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), places: BTreeMap::new(), seen: 0 }
    }
}

impl<K: Ord + Copy> Recency<K> {
    /// It is seen now.
    pub fn touch(&mut self, key: K) {
        self.remove(key);
        self.seen += 1;
        self.order.insert((self.seen, key));
        self.places.insert(key, self.seen);
    }

    /// It is not there any more.
    pub fn remove(&mut self, key: K) {
        if let Some(place) = self.places.remove(&key) {
            self.order.remove(&(place, key));
        }
    }

    /// Whether it is there.
    #[must_use]
    pub fn has(&self, key: K) -> bool {
        self.places.contains_key(&key)
    }

    /// Everything, what was seen last first.
    pub fn latest(&self) -> impl Iterator<Item = K> {
        self.order.iter().rev().map(|&(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_last_comes_first_and_once() {
        let mut recency = Recency::default();
        for key in ['a', 'b', 'a', 'c', 'b'] {
            recency.touch(key);
        }
        assert_eq!(recency.latest().collect::<String>(), "bca");
        recency.remove('c');
        recency.remove('x');
        assert_eq!((recency.latest().collect::<String>().as_str(), recency.has('c')), ("ba", false));
        recency.remove('a');
        recency.remove('b');
        assert!(recency.order.is_empty() && recency.places.is_empty());
    }
}
