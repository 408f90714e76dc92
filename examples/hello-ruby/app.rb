# frozen_string_literal: true

# The smallest function: greets whoever the event names.
def handler(event:, context:)
  name = event.fetch('name', 'world')
  puts "greeting #{name}"
  { greeting: "Hello, #{name}!", requestId: context.aws_request_id }
end
