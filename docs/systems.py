#!/usr/bin/env python3
"""systems.md: every system of the theory by its name in the field, with whom it is by, the program of examples/ that is it, and its number (docs/truth.md).

usage: systems.py           writes the page; tests/docs.py holds it current, and every program in it"""
import os
import re

from gallery import ROOT, rows

PAGE = os.path.join(ROOT, "docs", "systems.md")
INTRODUCTION = """# Systems

Made by `docs/systems.py`: every system of the theory by its name in the field, whom it is by, the program that is it, and the first of the numbers that the program is held to. [truth.md](truth.md) has all
numbers, with the seeds, samples and rates of false alarms, and [gallery.md](gallery.md) the programs' pictures and lines.
"""
NOT_PROMISED = """## What is not promised

- *Unrolled GAN.* That a look ahead helps by the slope through the critic's steps alone is not seen on the ring: steps that no slope goes through cover it as well (`held` in the program, by the
  published sizes, noise of 256 numbers and batches of 512, at each look from 2500 to 5000 steps, and the same in another framework). What the slope is, and what is left without it, is exact in [unrolled_exact](../examples/games/unrolled_exact.gan).
- *CycleGAN on pictures.* Which map is found: each picture's negative with some seeds, another map that comes back with others.
- *Emoji.* Its pictures must be fetched, so its numbers are not on the board.
"""

SPREADING = """
## What one more seed may miss

Promises whose rate of false alarms is above 0.01, and what they spread by.

| program | promised | reached | missed | why |
| --- | --- | --- | --- | --- |"""
WHY = {
    "images/srgan_fmnist": "By how much it is nearer: by 20 to 45 % with sixteen of twenty seeds, by 0 to 10 % with four.",
}

# A family; then system | by whom | program | how the number's promise begins in truth.md (nothing: it is not on the board).
SYSTEMS = """
Class probabilities
GAN, saturating | Goodfellow et al. 2014 | compare/gan_minimax_gauss | `mean`
GAN, non-saturating | Goodfellow et al. 2014 | compare/gan_ns_ring | `cost`
Brier's score | Brier 1950; Mohamed and Lakshminarayanan 2016 | compare/cpe_brier | `cost`
Exponential score | Buja, Stuetzle and Shen 2005; Mohamed and Lakshminarayanan 2016 | compare/cpe_exponential | `cost`
Spherical score | Good 1971; Mohamed and Lakshminarayanan 2016 | compare/cpe_spherical | `cost`
Hinge | Lim and Ye 2017; Mohamed and Lakshminarayanan 2016 | compare/cpe_hinge | `cost`
Misclassification, to measure by | Mohamed and Lakshminarayanan 2016 | compare/cpe_misclass | `learned`
Least-squares GAN | Mao et al. 2017 | compare/lsgan_ring | `off`
Relativistic GANs | Jolicoeur-Martineau 2019 | compare/gan_pairs | `modes[name]` for "pairs"
Many comparisons of one ring | Mohamed and Lakshminarayanan 2016 | compare_ring | `modes[way]`

f-divergences
f-GAN by KL | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_kl_mix | `divergence`
f-GAN by reverse KL | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_rkl_mix | `divergence`
f-GAN by Pearson's chi squared | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_pearson_mix | `divergence`
f-GAN by Neyman's chi squared | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_neyman | `divergence`
f-GAN by squared Hellinger distance | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_hellinger_mix | `divergence`
f-GAN by Jensen-Shannon, and the GAN as an f-GAN | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_ring | `divergence[f]`
f-GAN by Jeffreys' divergence | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_jeffrey_mix | `divergence`
Alpha divergences, weighted Jensen-Shannon, total variation | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_alpha | `found[name]`
Each divergence measured by each | Nowozin, Cseke and Tomioka 2016 | compare/f_gan_cross_table | `table[names[i], names[i]]`

Ratio matching
uLSIF and RuLSIF | Kanamori, Hido and Sugiyama 2009; Yamada et al. 2013 | compare/ulsif_gauss | `error`
KLIEP, and KL without its constraint | Sugiyama et al. 2008; Nguyen, Wainwright and Jordan 2010 | compare/kliep_gauss | `by_critic`
Bregman ratio matching by a net | Sugiyama, Suzuki and Kanamori 2012 | compare/lsif_neural | `found[name]`
b-GAN | Uehara et al. 2016 | compare/b_gan_mix | `mean`

Moments and transport
MMD, GMMN | Gretton et al. 2012; Li, Swersky and Zemel 2015; Dziugaite, Roy and Ghahramani 2015 | compare/gmmn_ring | `gaussian`
MMD-GAN | Li et al. 2017 | compare/mmd_gan_ring | `modes`
Energy distance | Szekely and Rizzo 2004 | compare/energy_fit | `by_areas`
Cramer GAN | Bellemare et al. 2017 | compare/cramer_gan_bernoulli | `by_cramer`
Feature matching | Salimans et al. 2016 | compare/feature_matching_ring | `modes`
Feature matching with few labels | Salimans et al. 2016 | images/feature_matching_fmnist | `by_game`
Wasserstein GAN by clipping | Arjovsky, Chintala and Bottou 2017 | compare/wgan_clip_ring | `value`
Wasserstein GAN with a gradient penalty | Gulrajani et al. 2017 | compare/wgan_gp_ring | `found[d, lambda]`
Sinkhorn divergence | Cuturi 2013; Genevay, Peyre and Cuturi 2018; Feydy et al. 2019 | compare/sinkhorn_ring | `distance[eps]`
McGan | Mroueh, Sercu and Goel 2017 | compare/mcgan | `off_covariance`

Generator losses and gradients
What a generator may go down by | Mohamed and Lakshminarayanan 2016 | compare/generator_forms | `by_own`
Pathwise and score-function gradients | Williams 1992; Mohamed et al. 2020 | likelihood-free/grad_estimators | `over(by_path)`

Likelihood-free inference
Rejection ABC, regression adjustment, PMC ABC | Pritchard et al. 1999; Beaumont et al. 2002 and 2009 | likelihood-free/abc_gauss_mean | `mean_of_kept`
MCMC ABC, synthetic likelihood | Marjoram et al. 2003; Wood 2010 | likelihood-free/abc_mcmc_ma2 | `wood_mean`
LFIRE | Thomas et al. 2022 | likelihood-free/lfire_gauss | `rmse`
Neural ratio estimation | Cranmer, Pavez and Louppe 2015; Hermans, Begy and Louppe 2020 | likelihood-free/nre_two_moons | `correlation`
g-and-k distribution | Allingham, King and Mengersen 2009 | likelihood-free/sim_gk | `summaries`
M/G/1 queue | Blum and Francois 2010 | likelihood-free/sim_mg1 | `apart`
Lotka-Volterra | Gillespie 1977; Wilkinson 2011 | likelihood-free/sim_lv | `off`
Variational optimisation, evolution strategies | Staines and Barber 2012; Wierstra et al. 2008; Salimans et al. 2017 | likelihood-free/vo_step_sinc | `at_mu`
Adversarial variational optimisation | Louppe, Hermans and Cranmer 2019 | likelihood-free/avo_poisson | `mu`
Local generative surrogates | Shirobokov et al. 2020 | likelihood-free/surrogate_floor | `theta`

Flows
Real NVP by maximum likelihood | Dinh, Sohl-Dickstein and Bengio 2017 | flows/realnvp_mle_moons | `nll
Real NVP by a Wasserstein GAN | Danihelka et al. 2017; Grover, Dhar and Ermon 2018 | flows/realnvp_wgan_moons | `log_gap`
Independent critic | Danihelka et al. 2017 | flows/independent_critic | `distance[by_likelihood]` is below

Auto-encoders
Variational autoencoder, solved | Kingma and Welling 2014; Rezende, Mohamed and Wierstra 2014 | autoencoders/vae_linear | `kl`
Variational autoencoder | Kingma and Welling 2014 | autoencoders/vae_fmnist | `bound[4]`
Adversarial autoencoder | Makhzani et al. 2016 | autoencoders/aae_fmnist | `error`
VAE-GAN | Larsen, Sonderby, Larochelle and Winther 2016 | autoencoders/vaegan_fmnist | `error`
VAE-GAN, whom each loss reaches | Larsen, Sonderby, Larochelle and Winther 2016 | autoencoders/vaegan_routing | `by_encoder[weight]`
Adversarial variational Bayes | Mescheder, Nowozin and Geiger 2017 | autoencoders/avb_four_points | `avb` is above
ALI, BiGAN | Dumoulin et al. 2017; Donahue, Krahenbuhl and Darrell 2017 | autoencoders/bigan_linear | `a`
Alpha-GAN | Rosca et al. 2017 | autoencoders/alpha_gan_ring | `quality`
VEEGAN | Srivastava et al. 2017 | autoencoders/veegan_ring | `modes`

Games
Unrolled GAN, exact | Metz et al. 2017 | games/unrolled_exact | `slope["through"]`
Unrolled GAN | Metz et al. 2017 | games/unrolled_ring | `fewest["ten"]`
PacGAN | Lin, Khetan, Fanti and Oh 2018 | games/pacgan_ring | `fewest[4]`
PacGAN on a grid | Lin, Khetan, Fanti and Oh 2018 | games/pacgan_grid | `fewest[4]`
PacGAN's divergence | Lin, Khetan, Fanti and Oh 2018 | games/pack_divergence | `apart[1, 1]`
Non-saturating beside saturating, on lines | Fedus et al. 2018 | games/many_paths_lines | `theta["nonsaturating"]`
GAN-GP | Fedus et al. 2018 | games/gan_gp_ring | `found["penalty"]`
DRAGAN | Kodali et al. 2017; Fedus et al. 2018 | games/dragan_lowrank | `error`
Simultaneous and alternating descent | Mescheder, Geiger and Nowozin 2018 | games/game_bilinear | `together[100]`
Extragradient, optimism, optimistic Adam | Korpelevich 1976; Daskalakis et al. 2018; Gidel et al. 2019 | games/game_optimism | `ahead[100]`
Consensus and symplectic adjustment, exact | Mescheder, Nowozin and Geiger 2017; Balduzzi et al. 2018 | games/game_second_order | `size[way, 100]`
Consensus | Mescheder, Nowozin and Geiger 2017 | games/consensus_ring | `fewest["consensus"]`
Symplectic gradient adjustment | Balduzzi et al. 2018 | games/sga_grid16 | `modes["symplectic"]`
Dirac-GAN: R1, R2, penalties, instance noise | Mescheder, Geiger and Nowozin 2018 | games/dirac_gan | `size[games[k], way, i]` for 2,0,2
Dirac-GAN as a flow | Mescheder, Geiger and Nowozin 2018 | games/dirac_flow | `kept`
Spectral normalisation | Miyato et al. 2018 | games/spectral_norm | `sigma`
Spectral normalisation, two rates, averaging | Miyato et al. 2018; Heusel et al. 2017; Yaz et al. 2019 | games/sn_gan_ring | `steepest`

Imitation
GAIL, exact | Ho and Ermon 2016 | imitation/gail_grid | `left[10]`
GAIL beside behavioural cloning | Ho and Ermon 2016 | imitation/gail_cartpole | `imitator`
GAIL with real actions | Ho and Ermon 2016 | imitation/gail_pendulum | `imitator`
REINFORCE, PPO | Williams 1992; Schulman et al. 2017 | imitation/policy_gradients | `ppo`
CartPole, Pendulum | Barto, Sutton and Anderson 1983; Doya 2000 | imitation/simulators | `cart`

Images
DCGAN | Radford, Metz and Chintala 2016 | images/dcgan_fmnist | `distance`
Conditional GAN | Mirza and Osindero 2014 | images/cgan_fmnist | `told`
AC-GAN | Odena, Olah and Shlens 2017 | images/acgan_shapes | `told` is
Projection critic | Miyato and Koyama 2018 | images/projection_gauss | `off`
GAN-CLS, GAN-INT: text to image | Reed et al. 2016 | images/text2img_fmnist | `named`
Text to image, of emoji's names | Reed et al. 2016 | images/emoji_names |
Conditional GAN, glyphs of a font | Mirza and Osindero 2014 | images/glyphs_font | `told`
pix2pix | Isola et al. 2017 | images/pix2pix_edges | `error`
CycleGAN | Zhu et al. 2017 | images/cyclegan_rings | `missed`
CycleGAN on pictures | Zhu et al. 2017 | images/cyclegan_fmnist | `missed`
SRGAN | Ledig et al. 2017 | images/srgan_fmnist | `ratio` is
DANN | Ganin et al. 2016 | images/dann_blobs | `at_target`
DANN on pictures | Ganin et al. 2016 | images/dann_fmnist | `at_target`
ADDA | Tzeng et al. 2017 | images/adda_blobs | `at_target`

Information and ratios
MINE, NWJ, InfoNCE | Belghazi et al. 2018; Nguyen, Wainwright and Jordan 2010; van den Oord, Li and Vinyals 2018 | information/mine_gauss | `by_mine`
Implicit variational inference | Mescheder, Nowozin and Geiger 2017; Huszar 2017 | information/implicit_vi | `evidence`
Adversarial message passing | Karaletsos 2016 | information/ratio_message_passing | `sum_of_local

Evaluation
FID, inception score, precision and recall, KS, W1, sliced W1, two-sample accuracy, bounds | Heusel et al. 2017; Salimans et al. 2016; Kynkaanniemi et al. 2019; Lopez-Paz and Oquab 2017 | evaluate/metrics_selftest | `frechet`
Annealed importance sampling | Neal 2001; Wu et al. 2017 | evaluate/annealed_likelihood | `reached[300]
"""


def families():
    """(family, [(system, by, program, how its promise begins)])"""
    for block in SYSTEMS.strip().split("\n\n"):
        name, *lines = block.splitlines()
        yield name, [[cell.strip() for cell in line.split("|")] for line in lines]


def number(system, program, begins, reached):
    """What it is held to, what was reached, and with how many seeds."""
    of_it = reached.get(program, [])
    if not begins or not of_it:
        return "not on the board", "", ""
    for row in of_it:
        if row[0].startswith(begins):
            return row[:3]
    raise SystemExit(f"systems.py: {program} is held to nothing that begins with {begins} ({system})")


def spreading(reached):
    """A line for each promise that more than one seed in a hundred is expected to miss."""
    for path, promises in reached.items():
        program = path.removeprefix("examples/").removesuffix(".gan")
        for expected, got, _, missed in promises:
            if re.fullmatch(r"[\d.e-]+", missed) and float(missed) > 0.01:
                if program not in WHY:
                    raise SystemExit(f"systems.py: {program} misses `{expected}` at a rate of {missed}: WHY must say what it spreads by")
                expected, got = (cell.replace("|", "\\|") for cell in (expected, got))
                yield f"| [{program}](../{path}) | {expected} | {got} | {missed} | {WHY[program]} |"


def systems():
    reached, out = rows(), [INTRODUCTION]
    for family, listed in families():
        out.append(f"## {family}\n\n| system | by | program | promised | reached | held |\n| --- | --- | --- | --- | --- | --- |")
        for system, by, program, begins in listed:
            expected, got, held = (cell.replace("|", "\\|") for cell in number(system, f"examples/{program}.gan", begins, reached))
            out.append(f"| {system} | {by} | [{program}](../examples/{program}.gan) | {expected} | {got} | {held} |")
        out.append("")
    return "\n".join([*out, NOT_PROMISED.rstrip(), SPREADING, *spreading(reached)]) + "\n"


if __name__ == "__main__":
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(systems())
