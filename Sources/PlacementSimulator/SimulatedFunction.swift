import Glibc
package import Placement

/// A function of a workload.
package struct SimulatedFunction: Sendable {
    /// What invokes it.
    enum Trigger {
        /// In even intervals, the first after this many seconds.
        case timer(period: Double, first: Double)
        /// One by one at any time, or so many at once on average.
        case requests(perSecond: Double, burst: Double)
    }

    /// What a request for one more environment says.
    package let request: PlacementRequest
    let trigger: Trigger
    let secondsMean: Double
    let isNoisy: Bool

    /// Draws a function. The same number and randomness make the same one.
    package init(number: Int, _ shape: WorkloadShape, using random: inout SimulatedRandomness) {
        let identity = ShortDigest(high: random.next(), low: UInt64(number))
        let memory = random.burr(c: shape.memoryC, k: shape.memoryK, scale: shape.memoryScale)
        let step = Double(shape.memoryStepMB)
        let memoryMB = Int(min(10_240, (memory / step).rounded(.up) * step))
        let isARM = random.chance(0.2)
        let runtimes = SimulatedFleet.runtimes
        request = PlacementRequest(
            function: FunctionVersion(identity, memoryMB: memoryMB),
            runtime: runtimes[Int(random.next() % UInt64(runtimes.count))],
            instructionSet: isARM ? .arm : .x86,
            code: CodeHash(high: identity.low, low: identity.high)
        )
        let drawn = random.logNormal(mean: shape.secondsLogMean, deviation: shape.secondsLogDeviation)
        secondsMean = min(shape.secondsMax, max(0.001, drawn))
        isNoisy = random.chance(shape.noisyPart)
        let daily = pow(10, shape.dailyMean + shape.dailyDeviation * random.normal())
        if random.chance(shape.timerPart) {
            // The period nearest below, so that rare timers are rare.
            let period = shape.timerPeriods.first { $0 >= 86_400 / daily } ?? shape.timerPeriods.last ?? 86_400
            trigger = .timer(period: period, first: period * random.unit())
        } else {
            // Half of what it may have at once on average, so that it seldom meets its limit.
            let limit = Double(shape.concurrencyMax) / 2 / secondsMean
            trigger = .requests(
                perSecond: min(daily / 86_400, shape.ratePerSecondMax, limit),
                burst: random.chance(shape.burstyPart) ? shape.burstMean : 1
            )
        }
    }

    /// How many environments it has on average while somebody asks, for filling a fleet without a trace.
    package func concurrency(_ shape: WorkloadShape) -> Double {
        switch trigger {
        case .timer: 1
        case .requests(let perSecond, let burst): max(burst, perSecond * secondsMean)
        }
    }
}

/// When a function is invoked.
extension SimulatedFunction {
    /// How many seconds pass until the first time.
    func firstInterval(_ shape: WorkloadShape, using random: inout SimulatedRandomness) -> Double {
        if case .timer(_, let first) = trigger { return first }
        return interval(at: 0, shape, using: &random)
    }

    /// How many seconds pass until the next time.
    func interval(at now: Double, _ shape: WorkloadShape, using random: inout SimulatedRandomness) -> Double {
        switch trigger {
        case .timer(let period, _): return period
        case .requests(let perSecond, let burst):
            // Drawn as often as at the day's peak, of which some are dropped at other times.
            let peak = 2 - shape.constantPart
            var passed = 0.0
            repeat {
                passed += random.exponential(mean: burst / (perSecond * peak))
            } while !random.chance(Self.level(at: now + passed, shape) / peak) && passed < 1e7
            return passed
        }
    }

    /// How many invocations come at once.
    func burstCount(using random: inout SimulatedRandomness) -> Int {
        guard case .requests(_, let burst) = trigger, burst > 1 else { return 1 }
        return random.geometric(mean: burst)
    }

    /// How long an execution takes, in seconds.
    func seconds(_ shape: WorkloadShape, using random: inout SimulatedRandomness) -> Double {
        let deviation = shape.executionLogDeviation
        // Less half the variance, so that the mean is the function's.
        let factor = random.logNormal(mean: -deviation * deviation / 2, deviation: deviation)
        return min(shape.secondsMax, secondsMean * factor)
    }

    /// How much comes at this time of the day, 1 on average.
    private static func level(at seconds: Double, _ shape: WorkloadShape) -> Double {
        let varying = 1 - shape.constantPart
        return shape.constantPart + varying * (1 + sin(2 * .pi * seconds / 86_400))
    }
}
