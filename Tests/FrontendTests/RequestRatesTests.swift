import LambdaAPI
import Testing

@testable import Frontend

struct RequestRatesTests {
    @Test func classesOfOperationsHaveRatesOfTheirOwn() throws {
        let rates = RequestRates(limits: RequestRateLimits(getFunction: 2, getPolicy: 1, others: 1))
        try rates.admit(.getFunction)
        try rates.admit(.getFunction)
        let error = #expect(throws: LambdaError.self) { try rates.admit(.getFunction) }
        #expect(error == .tooManyRequests(.callerRateLimitExceeded))
        try rates.admit(.getPolicy)
        try rates.admit(.listFunctions)
        #expect(throws: LambdaError.self) { try rates.admit(.createFunction) }
        let free = RequestRates(limits: nil)
        for _ in 0..<1000 { try free.admit(.getFunction) }
    }
}
