/* peak.h - what a core can do at most. */
#pragma once

/* Fused multiply-adds of f32, in operations a second, two each: of one thread, by a loop that does nothing else. 0 on machines it has no loop for. */
double peak_flops(void);
