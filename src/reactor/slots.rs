//! Places for sources, and the tokens that name them.
//!
//! A place is given back as soon as it is free, so its index alone cannot tell a source from the one
//! that sat there before. Each place therefore counts its guests, and a [`Token`] is the place and the
//! count. A place whose count is used up is never given out again.

use super::Token;

/// Sources by their token.
// Not slab's: its places forget, when they are free, how often they have been used.
#[derive(Debug)]
pub struct Slots<T> {
    places: Vec<Place<T>>,
    /// Places that were used before and may be used again; the last one first.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    /// Of its present guest, or of its next.
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    /// No places yet.
    pub const fn new() -> Self {
        Slots {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Puts `value` in a free place, whose index may be at most `last`; gives it back when there is none.
    ///
    /// # Errors
    /// The value itself.
    pub fn insert(&mut self, value: T, last: u32) -> Result<Token, T> {
        let Some(index) = self.vacant(last) else {
            return Err(value);
        };
        let place = &mut self.places[index as usize];
        place.value = Some(value);
        Ok(Token {
            index,
            generation: place.generation,
        })
    }

    /// What `token` names, if it is still here.
    #[inline]
    pub fn get(&self, token: Token) -> Option<&T> {
        let place = self.places.get(token.index as usize)?;
        let value = place.value.as_ref();
        value.filter(|_| place.generation == token.generation)
    }

    /// What `token` names, if it is still here.
    #[inline]
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let place = self.places.get_mut(token.index as usize)?;
        let value = place.value.as_mut();
        value.filter(|_| place.generation == token.generation)
    }

    /// The token of whoever sits at `index` now.
    #[inline]
    pub fn at(&self, index: u32) -> Option<Token> {
        let place = self.places.get(index as usize)?;
        place.value.is_some().then_some(Token {
            index,
            generation: place.generation,
        })
    }

    /// Takes out what `token` names. From now on the token names nothing.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        let place = &mut self.places[token.index as usize];
        // Else it is retired.
        if place.generation < GENERATION_MAX {
            place.generation += 1;
            self.free.push(token.index);
        }
        place.value.take()
    }
}

impl<T> Slots<T> {
    /// A place that nobody has.
    fn vacant(&mut self, last: u32) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index = u32::try_from(self.places.len()).ok();
        let index = index.filter(|index| *index <= last)?;
        self.places.push(Place {
            generation: 0,
            value: None,
        });
        Some(index)
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
        slots.places[0].generation = GENERATION_MAX;
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
