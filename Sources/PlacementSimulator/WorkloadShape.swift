/// The figures that workloads are made from.
///
/// Those marked ATC are of Azure Functions in July 2019: Shahrad et al., "Serverless in the Wild", USENIX ATC '20,
/// section 3. An application there is what a function is here: what memory is given to, and what is kept warm. Those
/// marked assumed are nobody's.
package struct WorkloadShape: Sendable {
    /// The decimal logarithm of a function's invocations in a day, normally distributed. ATC, figure 5(a): 45% of
    /// applications are invoked once an hour or less (1.380), 81% once a minute or less (3.158), which are the
    /// distribution's quantiles at -0.126 and 0.878 deviations. By itself it gives the upper 18.6% of functions 99.9%
    /// of invocations; ATC, figure 5(b), has 99.6%.
    package var dailyMean = 1.603
    package var dailyDeviation = 1.772
    /// No function is invoked more often in a second. Assumed: the few above are most of a trace's events and would
    /// tell nothing new about placement.
    package var ratePerSecondMax = 20.0
    /// The part of functions that a timer invokes. ATC, figure 2.
    package var timerPart = 0.156
    /// Timers' periods in seconds. ATC, with figure 2: 95% of timers fire at most once a minute. The periods
    /// themselves: assumed.
    package var timerPeriods = [60.0, 300, 900, 3600, 86_400]
    /// The part of other functions whose invocations come in bursts. ATC, with figure 6: 40% of applications have
    /// intervals whose coefficient of variation is above 1.
    package var burstyPart = 0.4
    /// How many invocations a burst has on average, which makes that coefficient 3. Assumed.
    package var burstMean = 5.0
    /// The part of invocations that does not vary over the day. ATC, figure 4.
    package var constantPart = 0.5
    /// A function's average execution time in seconds, log-normal. ATC, figure 7.
    package var secondsLogMean = -0.38
    package var secondsLogDeviation = 2.36
    /// Lambda's limit.
    package var secondsMax = 900.0
    /// How much executions of one function differ, log-normal. Assumed.
    package var executionLogDeviation = 0.5
    /// A function's memory in MB, by Burr. ATC, figure 8, the fit of the average.
    package var memoryC = 11.652
    package var memoryK = 0.221
    package var memoryScale = 107.083
    /// Configured memory is a multiple of this, in MB. Assumed.
    package var memoryStepMB = 128
    /// The part of functions that use most of their share of the CPU, and how much of it. Assumed.
    package var noisyPart = 0.05
    package var noisyLoad = 0.75
    /// A start's time, and how much more it takes to fetch the code, in seconds. Assumed.
    package var coldStartSeconds = 0.2
    package var fetchSeconds = 0.4
    /// How long an idle environment is kept, in seconds. AWS had 10 minutes by what ATC says.
    package var keepAliveSeconds = 600.0
    /// How many environments of a function there are at most; Lambda's default for an account.
    package var concurrencyMax = 1000

    /// The defaults.
    package init() {}
}
