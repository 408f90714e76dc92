# frozen_string_literal: true

module SwiftletRuntime
  # An exception as Lambda reports it: `{errorMessage, errorType, stackTrace}`, where the type says in which part of the
  # function's life it was met: `Function<RuntimeError>`, `Init<LoadError>`.
  class FunctionError
    # Where the frames of a trace stop being the function's.
    RUNTIME_DIRECTORY = "#{__dir__}/"
    STACK_FRAMES_MAX = 100
    # Types that the service is told by name; it needs to know no others.
    KNOWN_TYPES = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    attr_reader :type, :message, :stack

    def initialize(exception, part)
      @type = "#{part}<#{exception.class}>"
      # Whatever a message is made of, it has to become JSON.
      @message = FunctionError.text(exception.message)
      @stack = (exception.backtrace || [])
               .take_while { |frame| !frame.start_with?(RUNTIME_DIRECTORY) }
               .first(STACK_FRAMES_MAX).map { |frame| FunctionError.text(frame) }
      @header = KNOWN_TYPES.include?(exception.class.to_s) ? @type : 'Function<UserException>'
    end

    # The value of the header that names the type.
    attr_reader :header

    def payload
      { errorMessage: @message, errorType: @type, stackTrace: @stack }
    end

    # Any object as text in UTF-8.
    def self.text(value)
      text = value.to_s
      text = text.encoding == Encoding::BINARY ? text.dup.force_encoding(Encoding::UTF_8) : text
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
end
