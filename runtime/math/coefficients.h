/* coefficients.h - minimax polynomials, written by gen_coefficients.py. */
#pragma once

/* (expm1 r - r)/r^2; [-0.34692, 0.34692], weighted error 2^-25.77 */
#define POLY_EXP_F32(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.6bea560000000p-10), x, M_K(x, 0x1.1227fe0000000p-7)), x, M_K(x, \
    0x1.5556760000000p-5)), x, M_K(x, 0x1.5554b00000000p-3)), x, M_K(x, 0x1.fffffe0000000p-2))

/* (expm1 r - r)/r^2; [-0.34692, 0.34692], weighted error 2^-59.72 */
#define POLY_EXP_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.1ee8db170d3e0p-29), x, M_K(x, \
    0x1.af5ee968bd0e5p-26)), x, M_K(x, 0x1.27e5362ed59a8p-22)), x, M_K(x, 0x1.71ddf84169c38p-19)), x, M_K(x, \
    0x1.a01a017ba9abbp-16)), x, M_K(x, 0x1.a01a01afe9de6p-13)), x, M_K(x, 0x1.6c16c16c1f132p-10)), x, M_K(x, \
    0x1.111111110f6a9p-7)), x, M_K(x, 0x1.555555555553ep-5)), x, M_K(x, 0x1.5555555555559p-3)), x, M_K(x, \
    0x1.0000000000000p-1))

/* for f32 results: (expm1 r - r)/r^2; [-0.34692, 0.34692], weighted error 2^-30.99 */
#define POLY_EXP_SHORT(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.a17eaca7ad323p-13), x, M_K(x, 0x1.6da824f6d6837p-10)), x, M_K(x, \
    0x1.1110ab11707d8p-7)), x, M_K(x, 0x1.55546fbbdb2cbp-5)), x, M_K(x, 0x1.5555557459f9dp-3)), x, M_K(x, \
    0x1.00000045d3223p-1))

/* (log1p f - f + f^2/2)/f^3; [-0.29289, 0.41421], weighted error 2^-26.88 */
#define POLY_LOG_F32(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, -0x1.38ae8c0000000p-4), x, M_K(x, 0x1.0559900000000p-3)), x, \
    M_K(x, -0x1.0d85f00000000p-3)), x, M_K(x, 0x1.22da880000000p-3)), x, M_K(x, -0x1.54723a0000000p-3)), x, M_K(x, \
    0x1.99a0000000000p-3)), x, M_K(x, -0x1.0002280000000p-2)), x, M_K(x, 0x1.5555540000000p-2))

/* z = s^2: (2 atanh s - 2s)/s^3; [1.0e-12, 0.029467], weighted error 2^-59.08 */
#define POLY_LOG_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.2f0d442afd3d6p-3), x, M_K(x, 0x1.39a0fcae99f95p-3)), x, M_K(x, \
    0x1.746645ddddfcap-3)), x, M_K(x, 0x1.c71c51e98353dp-3)), x, M_K(x, 0x1.2492494215a27p-2)), x, M_K(x, \
    0x1.999999997fb5ap-2)), x, M_K(x, 0x1.5555555555593p-1))

/* z = s^2: (2 atanh s - 2s - 2/3 s^3)/s^5; [1.0e-12, 0.029467], weighted error 2^-66.24 */
#define POLY_LOG_PAIR(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.eb20c479a12adp-4), x, M_K(x, 0x1.de31920f598e0p-4)), x, \
    M_K(x, 0x1.1120c15b97644p-3)), x, M_K(x, 0x1.3b136268895a1p-3)), x, M_K(x, 0x1.745d18337302ep-3)), x, M_K(x, \
    0x1.c71c71c57e161p-3)), x, M_K(x, 0x1.2492492493048p-2)), x, M_K(x, 0x1.9999999999996p-2))

/* z = x^2: (sin x / x - 1)/x^2; [1.0e-12, 0.61808], weighted error 2^-26.76 */
#define POLY_SIN_F32(x) \
    M_FMA(M_FMA(M_K(x, -0x1.9940440000000p-13), x, M_K(x, 0x1.1107300000000p-7)), x, M_K(x, -0x1.5555460000000p-3))

/* z = x^2: (cos x - 1 + x^2/2)/x^4; [1.0e-12, 0.61808], weighted error 2^-32.83 */
#define POLY_COS_F32(x) \
    M_FMA(M_FMA(M_K(x, 0x1.99e8680000000p-16), x, M_K(x, -0x1.6c0c280000000p-10)), x, M_K(x, 0x1.55554a0000000p-5))

/* z = x^2, for f32 results: (sin x / x - 1)/x^2; [1.0e-12, 0.61808], weighted error 2^-37.48 */
#define POLY_SIN_SHORT(x) \
    M_FMA(M_FMA(M_FMA(M_K(x, 0x1.6ccf435e4e620p-19), x, M_K(x, -0x1.a00f73cf918b5p-13)), x, M_K(x, \
    0x1.1111085c10ef9p-7)), x, M_K(x, -0x1.5555554c5d8b2p-3))

/* z = x^2, for f32 results: (cos x - 1 + x^2/2)/x^4; [1.0e-12, 0.61808], weighted error 2^-42.92 */
#define POLY_COS_SHORT(x) \
    M_FMA(M_FMA(M_FMA(M_K(x, -0x1.241caffcdaafdp-22), x, M_K(x, 0x1.a010d57fb799dp-16)), x, M_K(x, \
    -0x1.6c16b81beda50p-10)), x, M_K(x, 0x1.5555554ecc4f7p-5))

/* z = x^2: (sin x / x - 1)/x^2; [1.0e-12, 0.61808], weighted error 2^-56.72 */
#define POLY_SIN_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.5d8e07537465bp-33), x, M_K(x, -0x1.ae5e549d8663dp-26)), x, M_K(x, \
    0x1.71de356086bd1p-19)), x, M_K(x, -0x1.a01a019bf5e22p-13)), x, M_K(x, 0x1.111111110f793p-7)), x, M_K(x, \
    -0x1.5555555555548p-3))

/* z = x^2: (cos x - 1 + x^2/2)/x^4; [1.0e-12, 0.61808], weighted error 2^-59.18 */
#define POLY_COS_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, -0x1.8fa290c77bc6dp-37), x, M_K(x, 0x1.1ee9d3db2da77p-29)), x, M_K(x, \
    -0x1.27e4f7e53a6b3p-22)), x, M_K(x, 0x1.a01a019c7cd20p-16)), x, M_K(x, -0x1.6c16c16c14f47p-10)), x, M_K(x, \
    0x1.555555555554bp-5))

/* z = x^2, for f32 results: erf x / x - 1; [1.0e-12, 1.0], weighted error 2^-29.62 */
#define POLY_ERF_SHORT(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.496a1205dceccp-14), x, M_K(x, -0x1.a3f71ee6f409ap-11)), x, M_K(x, \
    0x1.5405bdbe5ade0p-8)), x, M_K(x, -0x1.b7f90fd9c8473p-6)), x, M_K(x, 0x1.ce2cf783e6fb8p-4)), x, M_K(x, \
    -0x1.81273deb8b3c5p-2)), x, M_K(x, 0x1.06eba7f25ea96p-3))

/* z = x^2: erf x / x - 1; [1.0e-12, 1.0], weighted error 2^-56.06 */
#define POLY_ERF_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.0579a08898b38p-34), x, M_K(x, \
    -0x1.386acc14bb129p-30)), x, M_K(x, 0x1.f7a41b6768dd6p-27)), x, M_K(x, -0x1.5f1d38354a7acp-23)), x, M_K(x, \
    0x1.b9def1de3f8e7p-20)), x, M_K(x, -0x1.f4d1df40274b3p-17)), x, M_K(x, 0x1.f9a321a195b9dp-14)), x, M_K(x, \
    -0x1.c02db3d8f264ep-11)), x, M_K(x, 0x1.565bcd0db0530p-8)), x, M_K(x, -0x1.b82ce312849afp-6)), x, M_K(x, \
    0x1.ce2f21a042b21p-4)), x, M_K(x, -0x1.812746b0379e6p-2)), x, M_K(x, 0x1.06eba8214db69p-3))

/* q = (a - 2)/(a + 2), for f32 results: w = (1 + 2a) exp(a^2) erfc a; [-0.63934, 0.68], weighted error 2^-30.18 */
#define POLY_ERFC_SHORT(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, 0x1.c04efda1b7659p-13), x, M_K(x, \
    -0x1.42076263065b2p-12)), x, M_K(x, -0x1.80fce503d7913p-10)), x, M_K(x, 0x1.3dd62358a3a34p-10)), x, M_K(x, \
    0x1.1df9c504cbcb0p-7)), x, M_K(x, -0x1.06e898461da99p-7)), x, M_K(x, -0x1.bc2cfec1c74b5p-5)), x, M_K(x, \
    0x1.4ff9b223e6c92p-3)), x, M_K(x, -0x1.5407ba64391e2p-3)), x, M_K(x, -0x1.7bf5e77e96e3ep-4)), x, M_K(x, \
    0x1.46e80e2170428p+0))

/* q = (a - 4)/(a + 4): (w - HEAD)/q; [-0.8018, 0.74603], weighted error 2^-55.95 */
#define POLY_ERFC_F64(x) \
    M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_FMA(M_K(x, \
    -0x1.6850212329354p-27), x, M_K(x, -0x1.a660b43df086bp-27)), x, M_K(x, 0x1.c569b206d1512p-24)), x, M_K(x, \
    0x1.2072153afc0a3p-24)), x, M_K(x, -0x1.b96fbfd45a232p-21)), x, M_K(x, 0x1.418cd0ffb3c01p-22)), x, M_K(x, \
    0x1.7f13b02ea1b86p-18)), x, M_K(x, -0x1.78a394fddb3ddp-17)), x, M_K(x, -0x1.9957f377b4e9cp-16)), x, M_K(x, \
    0x1.3be0d790936d2p-13)), x, M_K(x, -0x1.a1df2be8f72c1p-13)), x, M_K(x, -0x1.8d4aa1a927c3bp-11)), x, M_K(x, \
    0x1.49c6728acf8d9p-8)), x, M_K(x, -0x1.0962387d44a0ap-6)), x, M_K(x, 0x1.3079edf67bd57p-5)), x, M_K(x, \
    -0x1.0fb06dfe6e06ep-4)), x, M_K(x, 0x1.7fee004e12641p-4)), x, M_K(x, -0x1.9ddb23c3e7a9ap-4)), x, M_K(x, \
    0x1.16ecefcfa5394p-4)), x, M_K(x, 0x1.f7f5df66fd51bp-7)), x, M_K(x, -0x1.1df1ad154a28ep-3))

#define ERFC_HEAD     0x1.3ba5916e9fd7fp+0
#define ERFC_HEAD_LOW -0x1.90516ce4cdca3p-55

/* 64 zero bits, then those of 2/pi */
#define TWO_OVER_PI_WORDS 21
#define TWO_OVER_PI \
    0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, \
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, \
    0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, \
    0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, \
    0xf0cfbc209af4361d
