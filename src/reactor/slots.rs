//! Places for sources, and the tokens that name them.
//!
//! A slab gives a place back as soon as it is free, so its index alone cannot tell a source from the
//! one that sat there before. Each place therefore counts its guests, and a [`Token`] is the place and
//! the count. A place whose count is used up is never given out again.

use slab::Slab;

use super::Token;

/// Sources by their token.
#[derive(Debug)]
pub struct Slots<T> {
    /// None: the place is retired.
    places: Slab<Option<T>>,
    /// Of each place ever used: the generation of its present guest, or of its next. Beside the slab,
    /// whose free places forget.
    generations: Vec<u32>,
}

impl<T> Slots<T> {
    /// No places yet.
    pub const fn new() -> Self {
        Slots {
            places: Slab::new(),
            generations: Vec::new(),
        }
    }

    /// Puts `value` in a free place, whose index may be at most `last`; gives it back when there is none.
    ///
    /// # Errors
    /// The value itself.
    pub fn insert(&mut self, value: T, last: u32) -> Result<Token, T> {
        let place = self.places.vacant_entry();
        let index = u32::try_from(place.key()).ok();
        let Some(index) = index.filter(|index| *index <= last) else {
            return Err(value);
        };
        if self.generations.len() <= index as usize {
            self.generations.push(0);
        }
        place.insert(Some(value));
        let generation = self.generations[index as usize];
        Ok(Token { index, generation })
    }

    /// What `token` names, if it is still here.
    #[inline]
    pub fn get(&self, token: Token) -> Option<&T> {
        self.is_current(token).then_some(())?;
        self.places.get(token.index as usize)?.as_ref()
    }

    /// What `token` names, if it is still here.
    #[inline]
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.is_current(token).then_some(())?;
        self.places.get_mut(token.index as usize)?.as_mut()
    }

    /// The token of whoever sits at `index` now.
    #[inline]
    pub fn at(&self, index: u32) -> Option<Token> {
        let guest = self.places.get(index as usize)?;
        guest.is_some().then_some(Token {
            index,
            generation: self.generations[index as usize],
        })
    }

    /// Takes out what `token` names. From now on the token names nothing.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        let next = &mut self.generations[token.index as usize];
        if *next == GENERATION_MAX {
            // Retired: kept occupied, by nobody.
            return self.places[token.index as usize].take();
        }
        *next += 1;
        self.places.remove(token.index as usize)
    }

    #[inline]
    fn is_current(&self, token: Token) -> bool {
        self.generations.get(token.index as usize) == Some(&token.generation)
    }
}

/// 30 bits: what the names of connections have room for. A place is used a thousand million times.
pub const GENERATION_MAX: u32 = (1 << 30) - 1;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_used_twice() {
        let mut slots = Slots::new();
        let first = slots.insert('a', GENERATION_MAX).unwrap();
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b', GENERATION_MAX).unwrap();
        assert_eq!(first.index, second.index);
        assert_ne!(first, second);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut 'b'));
        assert_eq!(slots.at(second.index), Some(second));
    }

    #[test]
    fn a_place_whose_count_is_used_up_is_retired() {
        let mut slots = Slots::new();
        let token = slots.insert('a', GENERATION_MAX).unwrap();
        slots.remove(token);
        slots.generations[0] = GENERATION_MAX;
        let last = slots.insert('z', GENERATION_MAX).unwrap();
        assert_eq!((last.index, last.generation), (0, GENERATION_MAX));
        assert_eq!(slots.remove(last), Some('z'));
        assert_eq!(slots.remove(last), None);
        assert_eq!(slots.get(last), None);
        assert_eq!(slots.at(0), None);
        assert_eq!(slots.insert('b', GENERATION_MAX).unwrap().index, 1);
    }

    #[test]
    fn no_index_is_past_the_last() {
        let mut slots = Slots::new();
        let token = slots.insert('a', 0).unwrap();
        assert_eq!(slots.insert('b', 0), Err('b'));
        slots.remove(token);
        assert!(slots.insert('c', 0).is_ok());
    }
}
