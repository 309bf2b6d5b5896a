//! Stand-ins for the two containers that threads share, for the model checker: of each a mutex around one of the
//! standard library, which loom knows. It looks at our use of them, not into them.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};

use loom::sync::{Mutex, MutexGuard};

/// In the place of `crossbeam_queue::ArrayQueue`.
#[derive(Debug)]
pub(super) struct ArrayQueue<T> {
    places: usize,
    items: Mutex<VecDeque<T>>,
}

impl<T> ArrayQueue<T> {
    pub(super) fn new(places: usize) -> Self {
        Self { places, items: Mutex::new(VecDeque::new()) }
    }

    pub(super) fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.lock();
        if items.len() == self.places {
            return Err(item);
        }
        items.push_back(item);
        Ok(())
    }

    pub(super) fn pop(&self) -> Option<T> {
        self.lock().pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.places
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().expect("nobody panics with it")
    }
}

/// In the place of `dashmap::DashMap`, as one shard.
#[derive(Debug)]
pub(super) struct DashMap<K, V, S> {
    _hasher: S,
    entries: Mutex<HashMap<K, V>>,
}

impl<K: Hash + Eq + Copy, V, S: BuildHasher> DashMap<K, V, S> {
    pub(super) fn with_hasher_and_shard_amount(hasher: S, _shards: usize) -> Self {
        Self { _hasher: hasher, entries: Mutex::new(HashMap::new()) }
    }

    pub(super) fn get_mut(&self, key: &K) -> Option<Guard<'_, K, V>> {
        let entries = self.lock();
        entries.contains_key(key).then_some(Guard { key: *key, entries })
    }

    pub(super) fn insert(&self, key: K, value: V) -> Option<V> {
        self.lock().insert(key, value)
    }

    pub(super) fn remove(&self, key: &K) -> Option<(K, V)> {
        self.lock().remove_entry(key)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Nobody whom the model checker looks at asks for it.
    pub(super) fn iter(&self) -> std::iter::Empty<Pair<K, V>> {
        std::iter::empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.entries.lock().expect("nobody panics with it")
    }
}

/// An entry as it was.
pub(super) struct Pair<K, V> {
    key: K,
    value: V,
}

impl<K, V> Pair<K, V> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }

    pub(super) fn value(&self) -> &V {
        &self.value
    }
}

/// An entry that nobody else has access to.
pub(super) struct Guard<'a, K, V> {
    key: K,
    entries: MutexGuard<'a, HashMap<K, V>>,
}

impl<K: Hash + Eq, V> Deref for Guard<'_, K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.entries[&self.key]
    }
}

impl<K: Hash + Eq, V> DerefMut for Guard<'_, K, V> {
    fn deref_mut(&mut self) -> &mut V {
        self.entries.get_mut(&self.key).expect("it was there")
    }
}
