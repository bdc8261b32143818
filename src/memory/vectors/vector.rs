//! A meaning as numbers.

/// Most numbers in one.
const MOST: usize = 8192;

/// A direction: its length is 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector(Vec<f32>);

impl Vector {
    /// The direction of `numbers`; `None` where they have none.
    pub(super) fn of(numbers: &[f32]) -> Option<Self> {
        if numbers.len() > MOST {
            return None;
        }
        let squares: f64 = numbers.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        let length = squares.sqrt();
        if !length.is_finite() || length <= f64::from(f32::MIN_POSITIVE) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)]
        let scaled = |x: &f32| (f64::from(*x) / length) as f32;
        Some(Self(numbers.iter().map(scaled).collect()))
    }

    /// How many numbers it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// As it is kept: 32-bit floats, the lowest byte first.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// What was kept.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
        match rest {
            [] => Self::of(&numbers),
            _ => None,
        }
    }

    /// The same in steps of a byte, a quarter of the size, with the size of a step.
    pub(super) fn in_steps(&self) -> (f32, impl Iterator<Item = i8>) {
        let most = self.0.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let step = most / f32::from(i8::MAX);
        #[allow(clippy::cast_possible_truncation)]
        let steps = self.0.iter().map(move |x| (x / step).round() as i8);
        (step, steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_comes_back_as_it_was_kept() {
        let vector = Vector::of(&[3.0, 0.0, -4.0]).unwrap();
        let kept = Vector::from_bytes(&vector.to_bytes()).unwrap();
        assert_eq!(kept, vector);
        assert_eq!(vector.0, [0.6, 0.0, -0.8]);
        assert_eq!(Vector::from_bytes(&[1, 2, 3]), None);
    }

    #[test]
    fn what_has_no_direction_is_none() {
        for numbers in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY]] {
            assert_eq!(Vector::of(numbers), None, "{numbers:?}");
        }
        assert_eq!(Vector::of(&vec![1.0; MOST + 1]), None);
        assert!(Vector::of(&[f32::MAX; 3]).is_some());
    }
}
