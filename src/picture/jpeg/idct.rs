//! From coefficients to samples (T.81, A.3.3).

use std::f32::consts::{FRAC_1_SQRT_2, PI};
use std::sync::LazyLock;

/// Where the k-th coefficient in zigzag order belongs.
pub(super) const NATURAL: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What frequency `u` adds at place `x`: `[u][x]`.
static WAVES: LazyLock<[[f32; 8]; 8]> = LazyLock::new(|| {
    std::array::from_fn(|u| {
        let scale = if u == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
        std::array::from_fn(|x| scale * ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos())
    })
});

/// The samples of a block of coefficients (natural order, not dequantised yet), as 8 bits.
pub(super) fn samples(coefficients: &[i16; 64], table: &[u16; 64], precision: u8) -> [u8; 64] {
    let waves = &*WAVES;
    let mut rows = [[0.0_f32; 8]; 8];
    for (v, row) in rows.iter_mut().enumerate() {
        for u in 0..8 {
            let coefficient = coefficients[8 * v + u];
            if coefficient != 0 {
                let value = f32::from(coefficient) * f32::from(table[8 * v + u]);
                row.iter_mut().zip(&waves[u]).for_each(|(sample, wave)| *sample += value * wave);
            }
        }
    }
    let (middle, scale) = ((1_u32 << (precision - 1)) as f32, 1.0 / (1_u32 << (precision - 8)) as f32);
    let mut samples = [0; 64];
    for y in 0..8 {
        let mut line = [0.0_f32; 8];
        for (v, row) in rows.iter().enumerate() {
            let wave = waves[v][y];
            line.iter_mut().zip(row).for_each(|(sample, part)| *sample += part * wave);
        }
        for x in 0..8 {
            samples[8 * y + x] = ((line[x] + middle) * scale).round().clamp(0.0, 255.0) as u8;
        }
    }
    samples
}
